//! A client that sends the bytes it is given and reads answers by their own framing.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::wait::uninterrupted;

/// Longer than any answer takes: running into it fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer. `complete` tells whether it ended as its framing says, or was cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) version: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) complete: bool,
    /// How it was cut.
    pub(crate) broken: Option<ErrorKind>,
    /// Statuses of the interim answers before it.
    pub(crate) interim: Vec<u16>,
    /// The head as it came.
    pub(crate) head: String,
}

impl Response {
    /// The value of the only field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "`{name}` is there more than once:\n{}", self.head);
        value
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).unwrap()
    }

    /// The same where being refused is an outcome of the test.
    pub(crate) fn try_connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends bytes, all of them.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends as much as the other side takes; whether that was all.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub(crate) fn send_get(&mut self, target: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test.example\r\n\r\n").as_bytes());
    }

    pub(crate) fn send_post(&mut self, target: &str, body: &[u8]) {
        let length = body.len();
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: test.example\r\nContent-Length: {length}\r\n\r\n");
        self.send(&[head.as_bytes(), body].concat());
    }

    /// No more will be sent.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// No more will be sent, if the other side has not ended the connection already.
    pub(crate) fn try_finish_sending(&self) {
        drop(self.stream.shutdown(Shutdown::Write));
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The next final answer, to anything but HEAD.
    ///
    /// # Panics
    /// When there is none, or none that can be understood.
    pub(crate) fn response(&mut self) -> Response {
        self.try_response(false).expect("an answer")
    }

    /// The next final answer, to HEAD: without a body whatever its fields say.
    pub(crate) fn response_to_head(&mut self) -> Response {
        self.try_response(true).expect("an answer")
    }

    /// The next final answer; an error if the connection ends before its head is whole.
    pub(crate) fn try_response(&mut self, to_head: bool) -> io::Result<Response> {
        let mut interim = Vec::new();
        loop {
            let mut response = self.head()?;
            if (100..200).contains(&response.status) && response.status != 101 {
                interim.push(response.status);
                continue;
            }
            response.interim = interim;
            let bodiless = to_head || matches!(response.status, 101 | 204 | 304);
            response.broken =
                if bodiless { None } else { self.body(&mut response).err().map(|error| error.kind()) };
            response.complete = response.broken.is_none();
            return Ok(response);
        }
    }

    fn head(&mut self) -> io::Result<Response> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let head = String::from_utf8_lossy(&self.buffer.drain(..end).collect::<Vec<u8>>()).into_owned();
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let (version, rest) =
            status_line.split_once(' ').unwrap_or_else(|| panic!("not a status line: {head:?}"));
        let status = rest.get(..3).and_then(|digits| digits.parse().ok());
        Ok(Response {
            status: status.unwrap_or_else(|| panic!("not a status line: {head:?}")),
            version: version.to_owned(),
            fields: lines.map(field).collect(),
            head,
            ..Response::default()
        })
    }

    /// Reads the body into the response, as much as comes.
    fn body(&mut self, response: &mut Response) -> io::Result<()> {
        if response.field("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return self.chunked(response);
        }
        if let Some(length) = response.field("Content-Length") {
            let length = length.parse().unwrap();
            return self.take(length, &mut response.body);
        }
        loop {
            response.body.append(&mut self.buffer);
            match self.fill() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn chunked(&mut self, response: &mut Response) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default();
            let length =
                usize::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("not a chunk size: `{line}`"));
            if length == 0 {
                break;
            }
            self.take(length, &mut response.body)?;
            assert_eq!(self.line()?, "", "no line end after a chunk");
        }
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            response.trailers.push(field(&line));
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            self.fill()?;
        }
    }

    /// Moves the next `length` bytes of the connection into `out`, those of a cut connection too.
    fn take(&mut self, length: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let goal = out.len() + length;
        loop {
            let count = self.buffer.len().min(goal - out.len());
            out.extend(self.buffer.drain(..count));
            if out.len() == goal {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Exactly so many bytes, as they come.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut out = Vec::new();
        self.take(length, &mut out).expect("more bytes");
        out
    }

    /// How many bytes have been read from the connection and not been asked for yet.
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        match uninterrupted(|| self.stream.read(&mut chunk))? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    /// Everything up to the end of the connection, however it ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill().is_ok() {}
        std::mem::take(&mut self.buffer)
    }

    /// Whether the other side has ended the connection, and sent nothing more before.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.buffer.is_empty()
            && self.fill().is_err_and(|error| !would_block(&error))
            && self.buffer.is_empty()
    }

    /// Ends the connection with a reset, as a client does that was killed.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// A read that ran into its timeout.
fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a field: `{line}`"));
    (name.to_owned(), value.trim().to_owned())
}

/// Where `part` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
