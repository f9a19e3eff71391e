//! Thousands of slow clients, and the origin that they keep busy, each side on one thread: sockets that never block are
//! asked in turn.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
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
    since: Instant,
    /// It is in the middle of what it is slow at.
    waits: bool,
    next: Instant,
    ended: Option<Instant>,
}

/// Slow clients of one server.
pub(crate) struct Crowd {
    clients: Vec<SlowClient>,
}

impl Crowd {
    /// Connects `count` of them, and has each begin.
    pub(crate) fn begin(addr: SocketAddr, kind: Slow, count: usize) -> Self {
        let clients = (0..count).map(|number| {
            // Not all in one instant: from then on their time is measured, and the server has to have seen them.
            if number % 50 == 49 {
                thread::sleep(TICK);
            }
            SlowClient::begin(addr, kind)
        });
        Self { clients: clients.collect() }
    }

    pub(crate) fn join(&mut self, mut other: Self) {
        self.clients.append(&mut other.clients);
    }

    /// Whether all of them wait in the middle of what they are slow at, and none was cut.
    pub(crate) fn all_wait(&self) -> bool {
        self.clients.iter().all(|client| client.waits && client.ended.is_none())
    }

    pub(crate) fn count(&self) -> usize {
        self.clients.len()
    }

    /// One look at each of them; how many are not cut yet.
    pub(crate) fn tick(&mut self) -> usize {
        thread::sleep(TICK);
        self.clients.iter_mut().for_each(SlowClient::tick);
        self.clients.iter().filter(|client| client.ended.is_none()).count()
    }

    /// How long it took until each was cut, in order; those that were not are missing.
    pub(crate) fn times(&self) -> Vec<Duration> {
        let time = |client: &SlowClient| Some(client.ended?.duration_since(client.since));
        let mut times: Vec<_> = self.clients.iter().filter_map(time).collect();
        times.sort();
        times
    }
}

impl SlowClient {
    fn begin(addr: SocketAddr, kind: Slow) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if kind == Slow::Reader {
            socket.set_recv_buffer_size(4096).unwrap();
        }
        socket.connect(&SockAddr::from(addr)).unwrap();
        let stream: TcpStream = socket.into();
        let first = match kind {
            Slow::Head => {
                "GET /slow/head HTTP/1.1\r\nHost: test.example\r\nUser-Agent: slow/1.0 (a head of the usual \
                           size)\r\nAccept: text/html,application/xhtml+xml;q=0.9\r\nX-Slow: "
            }
            Slow::Body => {
                "POST /slow/body HTTP/1.1\r\nHost: test.example\r\nContent-Length: 1000000\r\n\r\nthe beginning"
            }
            Slow::Reader => "GET /slow/reader HTTP/1.1\r\nHost: test.example\r\n\r\n",
        };
        (&stream).write_all(first.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let now = Instant::now();
        Self { stream, kind, since: now, waits: kind != Slow::Reader, next: now + PAUSE, ended: None }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if self.ended.is_some() {
            return;
        }
        if self.kind == Slow::Reader {
            self.tick_reader(now);
        } else {
            self.tick_sender(now);
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

/// Accepts all, answers those that want to read with more than any buffer holds, and says nothing to others.
pub(crate) struct PatientOrigin {
    addr: SocketAddr,
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
        let ended = Arc::<AtomicBool>::default();
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
            let ended = Arc::clone(&ended);
            move || serve_patiently(&accepted, &ended)
        };
        Self { addr, ended, threads: vec![thread::spawn(accepting), thread::spawn(serving)] }
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
}

/// More than the proxy's and the client's buffers hold together.
const RESPONSE: usize = 640 * 1024;

fn serve_patiently(accepted: &Receiver<TcpStream>, ended: &AtomicBool) {
    let (mut held, mut done): (Vec<Held>, Vec<Held>) = Default::default();
    while !ended.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        for stream in accepted.try_iter() {
            stream.set_nonblocking(true).unwrap();
            // What the proxy does not read must not pile up here.
            SockRef::from(&stream).set_send_buffer_size(48 * 1024).unwrap();
            held.push(Held { stream, head: Vec::new(), left: None });
        }
        // Those with nothing left to do are kept and not looked at again.
        let (busy, idle): (Vec<_>, Vec<_>) =
            held.drain(..).filter_map(|mut held| held.tick().then_some(held)).partition(Held::is_busy);
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
    fn tick(&mut self) -> bool {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(0) => return false,
            Ok(count) if self.left.is_none() => self.head.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return false,
            _ => {}
        }
        if self.left.is_none() && find(&self.head, b"\r\n\r\n").is_some() {
            self.left = Some(0);
            if find(&self.head, b"reader").is_some() {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {RESPONSE}\r\n\r\n");
                self.stream.write_all(head.as_bytes()).unwrap();
                self.left = Some(RESPONSE);
            }
        }
        let zeros = [0; 16 * 1024];
        while let Some(left) = self.left.filter(|left| *left > 0) {
            match self.stream.write(&zeros[..left.min(zeros.len())]) {
                Ok(count) => self.left = Some(left - count),
                Err(_) => break,
            }
        }
        true
    }
}
