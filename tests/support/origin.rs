//! An origin that behaves as a test tells it to, and keeps a ledger of what it was sent, to the byte.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

use super::client::find;
use super::wait::{DEADLINE, uninterrupted, until_true};

/// A request as it was received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Which of the origin's connections it came on, counted from 0.
    pub(crate) conn: usize,
    /// From the request line to the empty line, as it came.
    pub(crate) head: String,
    /// Without its framing.
    pub(crate) body: Vec<u8>,
    /// Head and body as they came.
    pub(crate) raw: Vec<u8>,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default()
    }

    pub(crate) fn method(&self) -> &str {
        self.line().split(' ').next().unwrap_or_default()
    }

    pub(crate) fn target(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or_default()
    }

    /// The values of all fields of that name.
    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The value of the only field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let values = self.fields(name);
        assert!(values.len() <= 1, "`{name}` is there more than once:\n{}", self.head);
        values.first().copied()
    }
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request is read.
    Keep,
    /// It ends in the ordinary way.
    Close,
    /// It ends with a reset.
    Reset,
    /// Nothing more happens until the origin or the other side ends.
    Hang,
}

/// What an origin was sent.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    requests: Mutex<Vec<Seen>>,
    conns: AtomicUsize,
    open: Mutex<BTreeMap<usize, TcpStream>>,
    /// What came instead of a request.
    broken: Mutex<Vec<Vec<u8>>>,
}

impl Ledger {
    /// Enters a request; [`Origin::answering`] does so by itself.
    pub(crate) fn record(&self, seen: Seen) {
        self.requests.lock().unwrap().push(seen);
    }
}

type Serve = dyn Fn(usize, TcpStream, &Ledger) -> io::Result<()> + Send + Sync;

/// An origin at a port of its own. Ends with all its connections when it goes out of scope.
pub(crate) struct Origin {
    addr: SocketAddr,
    ledger: Arc<Ledger>,
    ended: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Origin {
    /// Answers every request with 200 and its own name.
    pub(crate) fn named(name: &str) -> Self {
        let answer = ok(name.as_bytes());
        Self::answering(move |_, stream| {
            stream.write_all(&answer)?;
            Ok(Then::Keep)
        })
    }

    /// Answers requests without a body as fast as a test allows, and keeps no ledger.
    pub(crate) fn quick() -> Self {
        Self::conversing(|_, mut stream, _| {
            let mut head = Vec::new();
            loop {
                head.clear();
                read_head(&mut stream, &mut head)?;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
            }
        })
    }

    /// Answers every request with the same bytes.
    pub(crate) fn saying(bytes: &[u8], then: Then) -> Self {
        let bytes = bytes.to_vec();
        Self::answering(move |_, stream| {
            stream.write_all(&bytes)?;
            Ok(then)
        })
    }

    /// Reads every request to its end and gives it to `answer`, which writes and says what is next.
    pub(crate) fn answering(
        answer: impl Fn(&Seen, &mut TcpStream) -> io::Result<Then> + Send + Sync + 'static,
    ) -> Self {
        Self::conversing(move |conn, mut stream, ledger| {
            while let Some(seen) = read_request(conn, &mut stream, ledger)? {
                ledger.record(seen.clone());
                match answer(&seen, &mut stream)? {
                    Then::Keep => {}
                    Then::Close => return Ok(()),
                    Then::Reset => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
                    Then::Hang => return wait_for_the_end(&mut stream),
                }
            }
            Ok(())
        })
    }

    /// Answers each request with `at last` when it is told to.
    pub(crate) fn waiting() -> (Self, Sender<()>) {
        let (tell, told) = mpsc::channel();
        let told = Mutex::new(told);
        let origin = Self::answering(move |_, stream| {
            let _ = told.lock().unwrap().recv_timeout(DEADLINE);
            stream.write_all(&ok(b"at last"))?;
            Ok(Then::Keep)
        });
        (origin, tell)
    }

    /// Each connection is handed over with its number, on a thread of its own.
    pub(crate) fn conversing(
        serve: impl Fn(usize, TcpStream, &Ledger) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (ledger, ended) = (Arc::<Ledger>::default(), Arc::new(AtomicBool::new(false)));
        let serve: Arc<Serve> = Arc::new(serve);
        let accepting = {
            let (ledger, ended) = (Arc::clone(&ledger), Arc::clone(&ended));
            thread::spawn(move || accept(&listener, &ledger, &ended, &serve))
        };
        Self { addr, ledger, ended, accepting: Some(accepting) }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.ledger.requests.lock().unwrap().clone()
    }

    /// How many requests so far.
    pub(crate) fn count(&self) -> usize {
        self.ledger.requests.lock().unwrap().len()
    }

    /// The only request so far.
    pub(crate) fn only_request(&self) -> Seen {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "one request was expected: {requests:#?}");
        requests.into_iter().next().unwrap()
    }

    pub(crate) fn wait_for_requests(&self, count: usize) {
        until_true(&format!("{count} requests at {}", self.addr), || self.count() >= count);
    }

    /// How many connections so far.
    pub(crate) fn conns(&self) -> usize {
        self.ledger.conns.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub(crate) fn open(&self) -> usize {
        self.ledger.open.lock().unwrap().len()
    }

    /// What came and was no request.
    pub(crate) fn broken(&self) -> Vec<Vec<u8>> {
        self.ledger.broken.lock().unwrap().clone()
    }

    /// Stops listening and ends all connections: from now on it refuses.
    pub(crate) fn stop(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread out of accepting.
        drop(TcpStream::connect(self.addr));
        accepting.join().unwrap();
        for stream in self.ledger.open.lock().unwrap().values() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The requests that several origins were sent, together.
pub(crate) fn total(origins: &[&Origin]) -> usize {
    origins.iter().map(|origin| origin.count()).sum()
}

/// 200 with a body.
pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn accept(listener: &TcpListener, ledger: &Arc<Ledger>, ended: &AtomicBool, serve: &Arc<Serve>) {
    for (conn, stream) in listener.incoming().enumerate() {
        if ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        ledger.conns.fetch_add(1, Ordering::SeqCst);
        ledger.open.lock().unwrap().insert(conn, stream.try_clone().unwrap());
        let (ledger, serve) = (Arc::clone(ledger), Arc::clone(serve));
        thread::spawn(move || {
            // The other side ending first is none of this thread's business: the tests look at the ledger.
            drop(serve(conn, stream, &ledger));
            // The last handle: closing it ends the connection, with a reset if one was asked for.
            ledger.open.lock().unwrap().remove(&conn);
        });
    }
}

pub(crate) fn wait_for_the_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut scratch = [0; 4096];
    while uninterrupted(|| stream.read(&mut scratch))? > 0 {}
    Ok(())
}

/// The next request with its body; `None` at the end of the connection.
pub(crate) fn read_request(conn: usize, stream: &mut TcpStream, ledger: &Ledger) -> io::Result<Option<Seen>> {
    let mut raw = Vec::new();
    if read_head(stream, &mut raw).is_err() {
        if !raw.is_empty() {
            ledger.broken.lock().unwrap().push(raw);
        }
        return Ok(None);
    }
    let head = String::from_utf8_lossy(&raw).into_owned();
    let mut seen = Seen { conn, head, body: Vec::new(), raw };
    let whole = read_body(stream, &mut seen)?;
    Ok(whole.then_some(seen))
}

/// Reads the body of a request whose head was read; whether it came whole.
pub(crate) fn read_body(stream: &mut TcpStream, seen: &mut Seen) -> io::Result<bool> {
    if seen.field("Transfer-Encoding").is_some() {
        read_chunked(stream, seen)?;
    } else if let Some(length) = seen.field("Content-Length") {
        let length: u64 = length.parse().unwrap();
        // Grows with what comes: the length may be one that no memory can hold.
        if stream.take(length).read_to_end(&mut seen.body)? as u64 != length {
            return Ok(false);
        }
        seen.raw.extend_from_slice(&seen.body);
    }
    Ok(true)
}

/// Reads up to the empty line and no further, so that nothing of the body or a next request is taken.
pub(crate) fn read_head(stream: &mut TcpStream, raw: &mut Vec<u8>) -> io::Result<()> {
    read_through(stream, raw, b"\r\n\r\n")
}

/// Reads up to `mark` and no further.
fn read_through(stream: &mut TcpStream, raw: &mut Vec<u8>, mark: &[u8]) -> io::Result<()> {
    let (mut chunk, start) = ([0; 4096], raw.len());
    loop {
        let count = uninterrupted(|| stream.peek(&mut chunk))?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = raw.len();
        raw.extend_from_slice(&chunk[..count]);
        let from = start.max(before.saturating_sub(mark.len() - 1));
        let end = find(&raw[from..], mark).map(|at| from + at + mark.len());
        raw.truncate(end.unwrap_or(raw.len()));
        stream.read_exact(&mut chunk[..raw.len() - before])?;
        if end.is_some() {
            return Ok(());
        }
    }
}

fn read_chunked(stream: &mut TcpStream, seen: &mut Seen) -> io::Result<()> {
    loop {
        let line = read_line(stream, &mut seen.raw)?;
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16)
            .map_err(|_| io::Error::other(format!("not a chunk size: `{line}`")))?;
        if length == 0 {
            break;
        }
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        seen.raw.extend_from_slice(&chunk);
        seen.body.extend_from_slice(&chunk[..length]);
    }
    while !read_line(stream, &mut seen.raw)?.is_empty() {}
    Ok(())
}

fn read_line(stream: &mut TcpStream, raw: &mut Vec<u8>) -> io::Result<String> {
    let start = raw.len();
    read_through(stream, raw, b"\r\n")?;
    Ok(String::from_utf8_lossy(&raw[start..raw.len() - 2]).into_owned())
}
