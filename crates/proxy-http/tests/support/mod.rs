//! A proxy in a thread, an endpoint, and raw peers of both.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use proxy_config::{Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_core::module::{LoadModules, LoadedCode, ModuleFile, NotLoaded};
use proxy_core::observe::Observation;
use proxy_http::executor::{Capacity, Drained, Orders, Phase, Seat, Shared, run};
use proxy_http::transaction::{Transaction, TransactionLog};
use tokio::sync::watch;

/// The longest that anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// What the log was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) line: String,
    pub(crate) status: u16,
    pub(crate) upstream_status: u16,
    pub(crate) tries: u32,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) aborted: bool,
}

/// Passes on what it is told when it is flushed.
struct Recorder {
    unflushed: Mutex<Vec<Logged>>,
    flushed: Mutex<mpsc::Sender<Vec<Logged>>>,
    /// Whoever holds it keeps the executor at its next log.
    gate: Arc<Mutex<()>>,
}

impl TransactionLog for Recorder {
    fn log(&self, _: u32, transaction: &Transaction<'_>) -> bool {
        let logged = Logged {
            line: String::from_utf8_lossy(transaction.line).into_owned(),
            status: transaction.status,
            upstream_status: transaction.upstream_status,
            tries: transaction.tries,
            sent: transaction.sent,
            received: transaction.received,
            aborted: transaction.client_aborted,
        };
        self.unflushed.lock().unwrap().push(logged);
        drop(self.gate.lock());
        true
    }

    fn flush(&self, _: u32) {
        let together = std::mem::take(&mut *self.unflushed.lock().unwrap());
        let _ = self.flushed.lock().unwrap().send(together);
    }
}

struct NoModules;

impl LoadModules for NoModules {
    fn load(&self, _: &ModuleFile) -> Result<LoadedCode, NotLoaded> {
        Err(NotLoaded::File("there are none".to_owned()))
    }
}

/// One executor that listens on a port of the system's choice.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    orders: watch::Sender<Orders>,
    thread: Option<JoinHandle<std::io::Result<Drained>>>,
    log: mpsc::Receiver<Vec<Logged>>,
    /// What was flushed and nobody asked for yet.
    unread: RefCell<VecDeque<Logged>>,
    gate: Arc<Mutex<()>>,
    shared: Arc<Shared>,
}

impl Proxy {
    /// With these lines beside Listen.
    pub(crate) fn start(conf: &str) -> Self {
        let listener = proxy_http::listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, log) = mpsc::channel();
        let generation = generation(conf);
        let capacity = Capacity::new(generation.conf().max_connections.unwrap_or(1000), 4, 4);
        let gate = Arc::new(Mutex::new(()));
        let (unflushed, flushed) = (Mutex::default(), Mutex::new(sender));
        let recorder = Arc::new(Recorder { unflushed, flushed, gate: Arc::clone(&gate) });
        let observation = Arc::new(Observation::new(|| 0));
        let shared = Arc::new(Shared::new(Arc::new(generation), recorder, capacity, observation));
        let listeners = [Arc::new(listener)].into();
        let (orders, given) = watch::channel(Orders { phase: Phase::Running, listeners });
        let seat = Seat { number: 0, shared: Arc::clone(&shared), orders: given };
        let thread = Some(std::thread::spawn(move || run(seat, || {})));
        Self { addr, orders, thread, log, unread: RefCell::default(), gate, shared }
    }

    /// All of `/` goes to `origin`.
    pub(crate) fn to(origin: &Origin) -> Self {
        Self::start(&format!("ProxyPass / {}", origin.url()))
    }

    pub(crate) fn client(&self) -> Peer {
        Peer::new(TcpStream::connect(self.addr).unwrap())
    }

    /// What was logged next.
    pub(crate) fn logged(&self) -> Logged {
        let mut unread = self.unread.borrow_mut();
        while unread.is_empty() {
            unread.extend(self.flushed());
        }
        unread.pop_front().unwrap()
    }

    /// What was flushed together next.
    pub(crate) fn flushed(&self) -> Vec<Logged> {
        self.log.recv_timeout(DEADLINE).expect("a request ends, is logged and flushed")
    }

    /// Keeps the executor at the end of its next request until it is dropped.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap()
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.orders.send_modify(|orders| orders.phase = phase);
    }

    /// Waits for the executor to end.
    pub(crate) fn join(mut self) -> Drained {
        self.thread.take().unwrap().join().unwrap().unwrap()
    }

    /// Requests in flight and connections open at the first endpoint.
    pub(crate) fn endpoint_gauges(&self) -> (u32, u32) {
        let (_, generation) = self.shared.published.current();
        let cluster = generation.clusters().next().unwrap();
        let stats = cluster.endpoints()[0].stats();
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        (stats.in_flight.load(relaxed), stats.conns.load(relaxed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.phase(Phase::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn generation(conf: &str) -> Generation {
    let files = MemoryLoader::default().with("/srv/x.conf", format!("Listen 80\n{conf}"));
    let configured = configure(&Input::new("/srv/x.conf", "/srv"), &files, &NoModules, Vec::new());
    let errors: Vec<_> =
        configured.diagnostics.errors().map(|error| configured.sources.render(error)).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    match Generation::build(configured.conf, &configured.modules, &Caller::new(u32::MAX)) {
        Ok(generation) => generation,
        Err(_) => panic!("the configuration of a test is a good one"),
    }
}

/// An endpoint; its connections are taken by hand.
pub(crate) struct Origin {
    listener: TcpListener,
}

impl Origin {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    pub(crate) fn authority(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> Peer {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if let Some(peer) = self.try_accept() {
                return peer;
            }
            std::thread::yield_now();
        }
        panic!("no connection came to the endpoint");
    }

    /// A connection that is there already.
    pub(crate) fn try_accept(&self) -> Option<Peer> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(false).unwrap();
        Some(Peer::new(stream))
    }
}

/// One end of a connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Reads a head, its empty line included.
    pub(crate) fn head(&mut self) -> String {
        String::from_utf8(self.until(b"\r\n\r\n")).unwrap()
    }

    /// Reads up to and with `mark`.
    pub(crate) fn until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                return self.buffer.drain(..at + mark.len()).collect();
            }
            assert!(
                self.fill() > 0,
                "ended before {:?}: {:?}",
                mark.escape_ascii(),
                self.buffer.escape_ascii()
            );
        }
    }

    /// Reads so many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill() > 0, "ended after {} of {count} bytes", self.buffer.len());
        }
        self.buffer.drain(..count).collect()
    }

    /// Reads a head, and the body that its Content-Length announces.
    pub(crate) fn message(&mut self) -> (String, Vec<u8>) {
        let head = self.head();
        let length = field(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
        let body = self.bytes(length);
        (head, body)
    }

    /// Reads to an orderly end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads to a reset, and gives what came before it.
    pub(crate) fn until_reset(&mut self) -> Vec<u8> {
        let mut more = [0; 4096];
        loop {
            match self.stream.read(&mut more) {
                Ok(0) => panic!("ended in an orderly way after {}", self.buffer.escape_ascii()),
                Ok(count) => self.buffer.extend_from_slice(&more[..count]),
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                    return std::mem::take(&mut self.buffer);
                }
            }
        }
    }

    /// Waits until the other side has gone, in whatever way.
    pub(crate) fn gone(&mut self) {
        let mut more = [0; 4096];
        loop {
            match self.stream.read(&mut more) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
                Err(error) => panic!("still there: {error}"),
            }
        }
    }

    /// Sends nothing more; the other side may have had enough already.
    pub(crate) fn end(&mut self) -> &mut Self {
        if let Err(error) = self.stream.shutdown(Shutdown::Write) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotConnected);
        }
        self
    }

    /// Closes by a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    fn fill(&mut self) -> usize {
        let mut more = [0; 65_536];
        let count = self.stream.read(&mut more).expect("bytes or an end within the deadline");
        self.buffer.extend_from_slice(&more[..count]);
        count
    }
}

/// The value of a field of a head.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// `count` bytes that are not all the same.
pub(crate) fn content(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::yield_now();
    }
}
