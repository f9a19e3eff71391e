//! What is to be sent, from words `key=value`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::accounts::{Account, Accounts};

/// A load. Everything but `addr` has a value that stands if nothing is said.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The proxy.
    pub addr: SocketAddr,
    /// Bytes of each request, head and body.
    pub request: Vec<u8>,
    /// Bytes of the body that has to come.
    pub size: usize,
    /// Connections at a time.
    pub connections: usize,
    /// A connection for each request.
    pub close: bool,
    /// Time before counting begins.
    pub warm: Duration,
    /// Time that is counted.
    pub measured: Duration,
    /// Requests a second by the clock, whatever is outstanding; without it each answer is followed by a request.
    pub rate: Option<f64>,
    /// Ends after this many requests rather than by time.
    pub count: Option<u64>,
    /// Whose time is taken over the counted window.
    pub accounts: Accounts,
}

impl Plan {
    /// Reads `addr= path= size= connections= close= body= warm= seconds= rate= count=`, and `watch=PID,PID@CORE` and
    /// `beside=PID,PID@CORE` for the proxy's processes and for those that share the clients' core.
    ///
    /// # Errors
    /// Which word is wrong.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut plan = Self {
            addr: ([127, 0, 0, 1], 0).into(),
            request: Vec::new(),
            size: 128,
            connections: 1,
            close: false,
            warm: Duration::ZERO,
            measured: Duration::from_secs(1),
            rate: None,
            count: None,
            accounts: Accounts::default(),
        };
        let (mut path, mut body) = (None, 0);
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("{word} is not KEY=VALUE"))?;
            let wrong = || format!("{word} has no meaning");
            let number = || value.parse::<usize>().map_err(|_| wrong());
            let seconds = || {
                let seconds = value.parse().map_err(|_| wrong())?;
                Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
            };
            match key {
                "addr" => plan.addr = value.parse().map_err(|_| wrong())?,
                "path" => path = Some(value.to_owned()),
                "size" => plan.size = number()?,
                "connections" => plan.connections = number()?.max(1),
                "close" => plan.close = value == "yes",
                "body" => body = number()?,
                "warm" => plan.warm = seconds()?,
                "seconds" => plan.measured = seconds()?,
                "rate" => plan.rate = Some(value.parse().map_err(|_| wrong())?),
                "count" => plan.count = Some(value.parse().map_err(|_| wrong())?),
                "watch" => plan.accounts.proxy = account(value).ok_or_else(wrong)?,
                "beside" => plan.accounts.clients = account(value).ok_or_else(wrong)?,
                _ => return Err(wrong()),
            }
        }
        let path = path.unwrap_or_else(|| format!("/{}", plan.size));
        plan.request = request(plan.addr, &path, plan.close, body);
        Ok(plan)
    }
}

/// `PID,PID@CORE`.
fn account(value: &str) -> Option<Account> {
    let (pids, core) = value.split_once('@')?;
    let pids = pids.split(',').filter(|word| !word.is_empty()).map(|word| word.parse().ok());
    Some(Account { pids: pids.collect::<Option<_>>()?, core: Some(core.parse().ok()?) })
}

/// One request, as a browser's is in its size.
#[must_use]
pub fn request(addr: SocketAddr, path: &str, close: bool, body: usize) -> Vec<u8> {
    let method = if body == 0 { "GET" } else { "POST" };
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {addr}\r\nUser-Agent: bench\r\nAccept: */*\r\n");
    if close {
        head.push_str("Connection: close\r\n");
    }
    if body > 0 {
        head.push_str(&format!("Content-Length: {body}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.resize(bytes.len() + body, b'b');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan, String> {
        Plan::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_become_a_plan() {
        let plan = plan("addr=127.0.0.1:80 size=16384 close=yes seconds=0.5 rate=100 watch=1,2@0").unwrap();
        assert_eq!((plan.size, plan.measured), (16384, Duration::from_millis(500)));
        assert_eq!(plan.accounts.proxy, Account { pids: vec![1, 2], core: Some(0) });
        let text = String::from_utf8(plan.request).unwrap();
        assert!(
            text.starts_with("GET /16384 HTTP/1.1\r\n") && text.contains("Connection: close\r\n"),
            "{text}"
        );
    }

    #[test]
    fn a_body_makes_a_post() {
        let text = String::from_utf8(plan("addr=127.0.0.1:80 body=3").unwrap().request).unwrap();
        assert!(text.starts_with("POST /128 ") && text.ends_with("Content-Length: 3\r\n\r\nbbb"), "{text}");
    }

    #[test]
    fn a_wrong_word_is_named() {
        assert!(plan("addr=here").unwrap_err().contains("addr=here"));
        assert!(plan("seconds=-1").is_err());
        assert!(plan("fast").is_err());
    }
}
