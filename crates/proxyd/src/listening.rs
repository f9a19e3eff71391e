//! Listening sockets: bound for the addresses of the configuration, or kept from the generation in force.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use proxy_config::Sources;
use proxy_core::conf::Listen;
use proxy_http::executor::Listeners;
use proxy_http::listen;
use rustix::net::{Shutdown, shutdown};

use crate::Ended;
use crate::inherited::Inherited;
use crate::output::Messages;

/// A socket, and the address that was asked for: with port 0 it is bound to another.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    asked: SocketAddr,
    socket: Arc<TcpListener>,
    /// A service manager has it too, and goes on listening when we do not.
    is_shared: bool,
}

impl Listening {
    /// A socket that is listened at already.
    pub(crate) fn new(asked: SocketAddr, socket: TcpListener) -> Self {
        Self { asked, socket: Arc::new(socket), is_shared: false }
    }

    fn inherited(asked: SocketAddr, socket: TcpListener) -> Self {
        Self { is_shared: true, ..Self::new(asked, socket) }
    }

    /// Where it is bound; none if the system does not say.
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }
}

/// As executors take them.
pub(crate) fn sockets(listening: &[Listening]) -> Listeners {
    listening.iter().map(|one| Arc::clone(&one.socket)).collect()
}

/// Closes those of `old` that are not in `new`, which executors were told of already: waits a moment until they have
/// accepted what waits there and closed it, so that the address is free when this returns. One that an executor keeps
/// which is stuck is shut down, since nobody would answer whoever connects to it.
pub(crate) fn close_gone(old: Vec<Listening>, new: &[Listening]) {
    let is_gone = |one: &Listening| !new.iter().any(|kept| Arc::ptr_eq(&kept.socket, &one.socket));
    let deadline = Instant::now() + PATIENCE;
    for gone in old.into_iter().filter(is_gone) {
        while Arc::strong_count(&gone.socket) > 1 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        if Arc::strong_count(&gone.socket) > 1 && !gone.is_shared {
            // Nothing is lost if it is closed just now.
            let _ = shutdown(&*gone.socket, Shutdown::Both);
        }
    }
}

/// How long executors may take to close a socket.
const PATIENCE: Duration = Duration::from_millis(500);

/// Has a socket for each address: one of `current` that was asked for by the same address, each of them once, or an
/// inherited one, or a new one. Every address that cannot be had is said, and every inherited socket that no line names;
/// the new sockets are closed again then.
///
/// # Errors
/// If there is any.
pub(crate) fn listen(
    lines: &[Listen],
    current: &[Listening],
    inherited: &mut Inherited,
    sources: &Sources,
    messages: &Messages,
) -> Result<Vec<Listening>, Ended> {
    let mut left: Vec<&Listening> = current.iter().collect();
    let mut have = |line: &Listen| match left.iter().position(|one| one.asked == line.addr) {
        Some(place) => Some(left.remove(place).clone()),
        None => match listen_at(line.addr, inherited) {
            Ok(listening) => Some(listening),
            Err(error) => {
                messages.say(format_args!("proxyd: {}", cannot_listen(line, &error, current, sources)));
                None
            }
        },
    };
    let had: Vec<Listening> = lines.iter().filter_map(&mut have).collect();
    let unnamed = inherited.left();
    for text in &unnamed {
        messages.say(format_args!("proxyd: {text}"));
    }
    if unnamed.is_empty() && had.len() == lines.len() { Ok(had) } else { Err(Ended::NotStarted) }
}

fn listen_at(addr: SocketAddr, inherited: &mut Inherited) -> io::Result<Listening> {
    match inherited.socket(addr) {
        Some(socket) => Ok(Listening::inherited(addr, listen::adopt(socket)?)),
        None => Ok(Listening::new(addr, listen::bind(addr)?)),
    }
}

fn cannot_listen(line: &Listen, error: &io::Error, current: &[Listening], sources: &Sources) -> String {
    let place = line.span.map(|span| format!(" (line {} of {})", span.line, sources.name(span.file)));
    let own = current.iter().filter_map(Listening::addr).find(|addr| addr.port() == line.addr.port());
    let remedy = match (error.kind(), own) {
        (io::ErrorKind::AddrInUse, Some(own)) => {
            &*format!("this server itself listens on {own}, which changes only by a restart")
        }
        (io::ErrorKind::AddrInUse, None) => {
            "another program listens there: stop it, or change the Listen line"
        }
        (io::ErrorKind::PermissionDenied, _) => {
            "ports below 1024 are for root, or for programs with the capability CAP_NET_BIND_SERVICE"
        }
        (io::ErrorKind::AddrNotAvailable, _) => "no interface of this machine has that address",
        _ => "change the Listen line",
    };
    let said = error.to_string();
    let said = said.split(" (os error").next().unwrap_or_default().to_lowercase();
    format!("cannot listen on {}{}: {said}; {remedy}", line.addr, place.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn line(addr: &str) -> Listen {
        Listen { addr: addr.parse().unwrap(), span: None }
    }

    fn had(lines: &[Listen], current: &[Listening]) -> Result<Vec<Listening>, String> {
        let messages = Messages::kept();
        listen(lines, current, &mut Inherited::default(), &Sources::default(), &messages)
            .map_err(|_| messages.into_text())
    }

    #[test]
    fn an_address_in_use_is_named_with_the_remedy() {
        let taken = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = taken.local_addr().unwrap();
        let text = had(&[Listen { addr, span: None }], &[]).unwrap_err();
        assert_eq!(
            text,
            format!(
                "proxyd: cannot listen on {addr}: address already in use; another program listens there: stop it, \
                 or change the Listen line\n"
            )
        );
        let own = Listening::new("0.0.0.0:0".parse().unwrap(), taken);
        let text = had(&[Listen { addr, span: None }], &[own]).unwrap_err();
        assert!(text.contains(&format!("this server itself listens on {addr}")), "{text}");
    }

    #[test]
    fn an_address_is_free_once_its_socket_is_gone_whoever_still_has_it() {
        let all = had(&[line("127.0.0.1:0"), line("127.0.0.1:0")], &[]).unwrap();
        let (kept, gone) = (all[..1].to_vec(), all[1].addr().unwrap());
        let stuck = Arc::clone(&all[1].socket);
        close_gone(all, &kept);
        assert!(TcpStream::connect(gone).is_err());
        assert!(TcpStream::connect(kept[0].addr().unwrap()).is_ok());
        assert!(listen::bind(gone).is_ok());
        drop(stuck);
    }

    #[test]
    fn what_is_asked_for_again_is_kept_each_once() {
        let any = "127.0.0.1:0";
        let first = had(&[line(any), line(any)], &[]).unwrap();
        let is_same = |a: &Listening, b: &Listening| Arc::ptr_eq(&a.socket, &b.socket);
        let next = had(&[line("[::1]:0"), line(any), line(any), line(any)], &first).unwrap();
        assert!(is_same(&next[1], &first[0]) && is_same(&next[2], &first[1]));
        assert!(first.iter().all(|old| !is_same(&next[3], old) && !is_same(&next[0], old)));
    }
}
