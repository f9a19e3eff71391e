//! What goes wrong around a server all the time: clients that leave, an endpoint that breaks off, one that comes and goes.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::support::chance::Chance;
use crate::support::client::Client;
use crate::support::origin::{Origin, read_head};
use crate::support::probe::converse;

/// Between two of the same kind.
const PAUSE: Duration = Duration::from_millis(25);

/// Clients that leave in the middle of one thing or another; how many.
pub(super) fn aborts(addr: SocketAddr, is_over: &AtomicBool) -> usize {
    const BEGINNINGS: [&str; 4] = [
        "",
        "GET /left/8 HTT",
        "GET /left/30000 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /left/8 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\na part",
    ];
    let mut count = 0;
    while !is_over.load(Relaxed) {
        let mut client = Client::connect(addr);
        client.try_send(BEGINNINGS[count % BEGINNINGS.len()].as_bytes());
        client.reset();
        count += 1;
        thread::sleep(PAUSE);
    }
    count
}

/// Requests for the endpoint that breaks; how many. Whatever becomes of one, it becomes soon.
pub(super) fn asks_the_broken(addr: SocketAddr, is_over: &AtomicBool) -> usize {
    let (mut client, mut count) = (Client::connect(addr), 0);
    while !is_over.load(Relaxed) {
        client.try_send(format!("GET /broken/{count:08}/2000 HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let answer = client.try_response(false);
        if let Err(error) = &answer {
            assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no answer");
        }
        if answer.is_ok_and(|answer| answer.complete && answer.field("Connection").is_none()) {
            // Goes on where it is.
        } else {
            client = Client::connect(addr);
        }
        count += 1;
        thread::sleep(PAUSE);
    }
    count
}

/// An origin that answers every third request, and breaks off before, in the middle of or instead of the others.
pub(super) fn broken_origin(seed: u64) -> Origin {
    Origin::conversing(move |conn, mut stream, _| {
        let (mut chance, mut head) = (Chance::new(seed, conn), Vec::new());
        loop {
            head.clear();
            read_head(&mut stream, &mut head)?;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell";
            match chance.below(6) {
                0 => return Ok(()),
                1 => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
                2 => return stream.write_all(&answer[..chance.below(answer.len() as u64) as usize]),
                3 => return stream.write_all(b"what is this?\r\n\r\n"),
                _ => stream.write_all(answer)?,
            }
        }
    })
}

/// An origin that listens for a second and refuses for a second, in turn. What it has begun to answer it answers.
pub(super) struct ComesAndGoes {
    socket: Socket,
    addr: SocketAddr,
    came: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl ComesAndGoes {
    pub(super) const NUMBER: u8 = 9;
    const PERIOD: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        Self { socket, addr, came: AtomicUsize::new(0), open: Mutex::default() }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How often it came.
    pub(super) fn came(&self) -> usize {
        self.came.load(Relaxed)
    }

    pub(super) fn come_and_go(&self, is_over: &AtomicBool) {
        while !is_over.load(Relaxed) {
            self.socket.listen(1024).unwrap();
            self.came.fetch_add(1, Relaxed);
            self.serve(Instant::now() + Self::PERIOD);
            // A socket that listens stops doing so, and can be had to listen again.
            self.socket.shutdown(Shutdown::Both).unwrap();
            self.close_all();
            thread::sleep(Self::PERIOD);
        }
    }

    /// Accepts until then.
    fn serve(&self, end: Instant) {
        while Instant::now() < end {
            let Ok((conn, _)) = self.socket.accept() else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            conn.set_nonblocking(false).unwrap();
            let stream = TcpStream::from(conn);
            self.open.lock().unwrap().push(stream.try_clone().unwrap());
            thread::spawn(move || drop(converse(stream, Self::NUMBER)));
        }
    }

    /// No more is read; what was read is answered, and then the connection ends.
    fn close_all(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            drop(stream.shutdown(Shutdown::Read));
        }
    }
}

impl Drop for ComesAndGoes {
    fn drop(&mut self) {
        self.close_all();
    }
}
