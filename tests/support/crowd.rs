//! Thousands of slow clients, and the origin that they keep busy, each side on one thread: sockets that never block are
//! asked in turn. When a client was cut is known to lie between two looks at it: who was not looked at for a while, as
//! this side had no time itself, is told apart from one that the server was late for.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::client::find;

/// What a client is slow at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slow {
    /// It sends its head, a byte now and then.
    Head,
    /// The same with its body.
    Body,
    /// It reads its response, a byte now and then.
    Reader,
}

/// How long a slow client does nothing between two bytes.
const PAUSE: Duration = Duration::from_millis(500);
/// Time between two looks at all sockets, which are many.
const TICK: Duration = Duration::from_millis(40);

struct SlowClient {
    stream: TcpStream,
    kind: Slow,
    /// When the server could know of it at the earliest.
    sent: Instant,
    /// It is in the middle of what it is slow at.
    waits: bool,
    next: Instant,
    /// When it was looked at last, and not cut.
    looked: Instant,
    ended: Option<Instant>,
}

/// Slow clients of one server.
pub(crate) struct Crowd {
    clients: Vec<SlowClient>,
    progress: Progress,
}

/// How long a client had, as far as can be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// From when it sent its first bytes to when it was seen to be cut.
    pub(crate) after: Duration,
    /// It was not cut yet so long after the server began to wait for it.
    pub(crate) at_least: Duration,
    /// And it was by then.
    pub(crate) at_most: Duration,
}

impl Crowd {
    /// Nobody yet; readers will ask `origin`.
    pub(crate) fn of(origin: &PatientOrigin) -> Self {
        Self { clients: Vec::new(), progress: Arc::clone(&origin.progress) }
    }

    /// Connects `count` more, and has each begin; looks at those that are there meanwhile.
    pub(crate) fn join(&mut self, addr: SocketAddr, kind: Slow, count: usize) {
        for number in 0..count {
            // Not all in one instant: from then on their time is measured, and the server has to have seen them.
            if number % 50 == 49 {
                self.tick();
            }
            self.clients.push(SlowClient::begin(addr, kind, self.clients.len()));
        }
    }

    /// Whether all of them wait in the middle of what they are slow at.
    pub(crate) fn all_wait(&self) -> bool {
        self.clients.iter().all(|client| client.waits)
    }

    pub(crate) fn count(&self) -> usize {
        self.clients.len()
    }

    /// How many were cut.
    pub(crate) fn ended(&self) -> usize {
        self.clients.iter().filter(|client| client.ended.is_some()).count()
    }

    /// One look at each of them; how many are not cut yet.
    pub(crate) fn tick(&mut self) -> usize {
        thread::sleep(TICK);
        self.clients.iter_mut().for_each(SlowClient::tick);
        self.count() - self.ended()
    }

    /// Those that were cut, in the order of the time that they had at most.
    pub(crate) fn cuts(&self) -> Vec<Cut> {
        let progress = self.progress.lock().unwrap();
        let cut = |(number, client): (usize, &SlowClient)| {
            let ended = client.ended?;
            // A reader is waited for once nothing of its response can be passed on any more.
            let since = progress.get(&number).map_or(client.sent, |moved| client.sent.max(*moved));
            Some(Cut {
                after: ended.duration_since(client.sent),
                at_least: client.looked.saturating_duration_since(since),
                at_most: ended.saturating_duration_since(since),
            })
        };
        let mut cuts: Vec<_> = self.clients.iter().enumerate().filter_map(cut).collect();
        cuts.sort_by_key(|cut| cut.at_most);
        cuts
    }
}

impl SlowClient {
    fn begin(addr: SocketAddr, kind: Slow, number: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if kind == Slow::Reader {
            socket.set_recv_buffer_size(4096).unwrap();
        }
        socket.connect(&SockAddr::from(addr)).unwrap();
        let stream: TcpStream = socket.into();
        let first = match kind {
            Slow::Head => "GET /slow/head HTTP/1.1\r\nHost: test.example\r\nUser-Agent: slow/1.0 (a head of the \
                           usual size)\r\nAccept: text/html,application/xhtml+xml;q=0.9\r\nX-Slow: "
                .to_owned(),
            Slow::Body => {
                "POST /slow/body HTTP/1.1\r\nHost: test.example\r\nContent-Length: 1000000\r\n\r\nthe beginning"
                    .to_owned()
            }
            Slow::Reader => format!("GET /slow/reader/{number} HTTP/1.1\r\nHost: test.example\r\n\r\n"),
        };
        let sent = Instant::now();
        (&stream).write_all(first.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let waits = kind != Slow::Reader;
        Self { stream, kind, sent, waits, next: sent + PAUSE, looked: sent, ended: None }
    }

    fn tick(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let now = Instant::now();
        if self.kind == Slow::Reader {
            self.tick_reader(now);
        } else {
            self.tick_sender(now);
        }
        match self.ended {
            // Whatever came between is later than what was found.
            Some(_) => self.ended = Some(Instant::now()),
            None => self.looked = now,
        }
    }

    fn tick_sender(&mut self, now: Instant) {
        // An answer, an end or a reset: in any case it is over.
        match self.stream.read(&mut [0; 512]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => self.ended = Some(now),
        }
        if now >= self.next {
            self.next = now + PAUSE;
            drop(self.stream.write(b"x"));
        }
    }

    /// A reset shows without a byte being read.
    fn tick_reader(&mut self, now: Instant) {
        if self.stream.take_error().is_ok_and(|error| error.is_some()) {
            self.ended = Some(now);
        } else if !self.waits || now >= self.next {
            self.next = now + PAUSE;
            match self.stream.read(&mut [0]) {
                Ok(1) => self.waits = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => self.ended = Some(now),
            }
        }
    }
}

/// When the origin could last pass something on to a client, by its number.
type Progress = Arc<Mutex<BTreeMap<usize, Instant>>>;

/// Accepts all, answers those that want to read with more than any buffer holds, and says nothing to others.
pub(crate) struct PatientOrigin {
    addr: SocketAddr,
    progress: Progress,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl PatientOrigin {
    pub(crate) fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).unwrap();
        // A shorter queue has connecting fail and try again a second later.
        listener.listen(4096).unwrap();
        let listener = TcpListener::from(listener);
        let addr = listener.local_addr().unwrap();
        let (ended, progress) = (Arc::<AtomicBool>::default(), Progress::default());
        let (sender, accepted) = mpsc::channel();
        let accepting = {
            let ended = Arc::clone(&ended);
            move || {
                for stream in listener.incoming().flatten() {
                    if ended.load(Ordering::SeqCst) || sender.send(stream).is_err() {
                        return;
                    }
                }
            }
        };
        let serving = {
            let (ended, progress) = (Arc::clone(&ended), Arc::clone(&progress));
            move || serve_patiently(&accepted, &ended, &progress)
        };
        Self { addr, progress, ended, threads: vec![thread::spawn(accepting), thread::spawn(serving)] }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for PatientOrigin {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.addr));
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

struct Held {
    stream: TcpStream,
    head: Vec<u8>,
    /// Bytes still to be written once the head was read.
    left: Option<usize>,
    /// The number of a reader.
    number: Option<usize>,
}

/// More than the proxy's and the client's buffers hold together.
const RESPONSE: usize = 640 * 1024;

fn serve_patiently(accepted: &Receiver<TcpStream>, ended: &AtomicBool, progress: &Progress) {
    let (mut held, mut done): (Vec<Held>, Vec<Held>) = Default::default();
    while !ended.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        for stream in accepted.try_iter() {
            stream.set_nonblocking(true).unwrap();
            // What the proxy does not read must not pile up here.
            SockRef::from(&stream).set_send_buffer_size(48 * 1024).unwrap();
            held.push(Held { stream, head: Vec::new(), left: None, number: None });
        }
        // Those with nothing left to do are kept and not looked at again.
        let (busy, idle): (Vec<_>, Vec<_>) = held
            .drain(..)
            .filter_map(|mut held| held.tick(progress).then_some(held))
            .partition(Held::is_busy);
        held = busy;
        done.extend(idle);
    }
    held.iter().chain(&done).for_each(|held| drop(held.stream.shutdown(Shutdown::Both)));
}

impl Held {
    fn is_busy(&self) -> bool {
        self.left != Some(0)
    }

    /// Reads a head, writes the response; false once the other side has gone.
    fn tick(&mut self, progress: &Progress) -> bool {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(0) => return false,
            Ok(count) if self.left.is_none() => self.head.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return false,
            _ => {}
        }
        if self.left.is_none() && find(&self.head, b"\r\n\r\n").is_some() {
            self.left = Some(0);
            if let Some(begin) = find(&self.head, b"/reader/") {
                let number = String::from_utf8_lossy(&self.head[begin + b"/reader/".len()..]).into_owned();
                self.number = number.split(' ').next().and_then(|number| number.parse().ok());
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {RESPONSE}\r\n\r\n");
                self.stream.write_all(head.as_bytes()).unwrap();
                self.left = Some(RESPONSE);
            }
        }
        let zeros = [0; 16 * 1024];
        while let Some(left) = self.left.filter(|left| *left > 0) {
            match self.stream.write(&zeros[..left.min(zeros.len())]) {
                Ok(count) => {
                    self.left = Some(left - count);
                    progress.lock().unwrap().extend(self.number.map(|number| (number, Instant::now())));
                }
                Err(_) => break,
            }
        }
        true
    }
}
