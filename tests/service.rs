//! The server under a service manager: what it tells it, the sockets that it takes from it, and the unit files.

mod units;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};

use crate::support::activation;
use crate::support::config::Syntax;
use crate::support::origin::Origin;
use crate::support::process::{Run, Watched};
use crate::support::server::{Server, Setup};
use crate::support::told::figure;
use crate::support::wait::{DEADLINE, until_true};

/// A service manager's end of the notify socket.
struct Notify {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Notify {
    fn bind(dir: &Path) -> Self {
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, path }
    }

    /// The next message, its lines.
    fn message(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let count = self.socket.recv(&mut bytes).expect("a message to the service manager");
        String::from_utf8_lossy(&bytes[..count]).lines().map(str::to_owned).collect()
    }

    /// All that has arrived.
    fn rest(&self) -> Vec<Vec<String>> {
        self.socket.set_nonblocking(true).unwrap();
        let mut bytes = [0; 4096];
        let mut rest = Vec::new();
        while let Ok(count) = self.socket.recv(&mut bytes) {
            rest.push(String::from_utf8_lossy(&bytes[..count]).lines().map(str::to_owned).collect());
        }
        rest
    }

    /// Starts a server that this one is told of.
    fn start(&self, setup: Setup, more: &[(&str, &str)]) -> Server {
        let mut command = setup.command();
        command.env("NOTIFY_SOCKET", &self.path).envs(more.iter().copied());
        let process = Watched::spawn(command);
        setup.started(process)
    }
}

fn value<'a>(message: &'a [String], name: &str) -> &'a str {
    let found = message.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {message:?}"))
}

fn monotonic_micros() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[test]
fn the_service_manager_is_told_of_start_reload_and_stop_in_this_order() {
    let origin = Origin::named("ok");
    let setup = Setup::new(Syntax::Conf, &format!("ProxyPass / {}/\n", origin.url()));
    let notify = Notify::bind(setup.root());
    let server = notify.start(setup, &[]);
    let ready = notify.message();
    assert_eq!(server.get("/").text(), "ok", "it serves when it says that it is ready");
    assert_eq!(ready[0], "READY=1");
    assert_eq!(value(&ready, "MAINPID"), server.process().pid().to_string());
    assert!(value(&ready, "STATUS").contains(&format!("listening on {}", server.addr())), "{ready:?}");

    let config = std::fs::read_to_string(server.root().join("proxyd.conf")).unwrap();
    for (text, outcome) in
        [("", "generation 2 is in force"), ("NoSuchDirective\n", "generation 2 stays in force")]
    {
        std::fs::write(server.root().join("proxyd.conf"), format!("{config}{text}")).unwrap();
        let before = monotonic_micros();
        server.signal(Signal::HUP);
        let reloading = notify.message();
        assert_eq!(reloading[0], "RELOADING=1");
        let stamp: i64 = value(&reloading, "MONOTONIC_USEC").parse().unwrap();
        assert!((before..=monotonic_micros()).contains(&stamp), "{before} {stamp}");
        let ready = notify.message();
        assert_eq!(ready[0], "READY=1");
        assert!(value(&ready, "STATUS").contains(outcome), "{ready:?}");
        assert_eq!(server.get("/").text(), "ok");
    }

    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    let stopping = notify.message();
    assert_eq!(stopping[0], "STOPPING=1");
    assert!(value(&stopping, "STATUS").contains("requests have "), "{stopping:?}");
    let more: u64 = value(&stopping, "EXTEND_TIMEOUT_USEC").parse().unwrap();
    assert!((30_000_000..60_000_000).contains(&more), "{stopping:?}");
    assert_eq!(notify.rest(), Vec::<Vec<String>>::new());
}

#[test]
fn the_main_thread_feeds_the_watchdog_of_its_own_process() {
    let setup = Setup::new(Syntax::Conf, "");
    let notify = Notify::bind(setup.root());
    let server = notify.start(setup, &[("WATCHDOG_USEC", "50000")]);
    assert_eq!(notify.message()[0], "READY=1");
    let began = monotonic_micros();
    for _ in 0..5 {
        assert_eq!(notify.message(), ["WATCHDOG=1"]);
    }
    // Four intervals of half of what is wanted.
    assert!(monotonic_micros() - began >= 4 * 25_000 - 5_000, "it is fed too often");
    assert_eq!(server.stop().0.code(), Some(0));

    let setup = Setup::new(Syntax::Conf, "");
    let notify = Notify::bind(setup.root());
    let server = notify.start(setup, &[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]);
    assert_eq!(notify.message()[0], "READY=1");
    assert_eq!(server.stop().0.code(), Some(0));
    assert_eq!(notify.message()[0], "STOPPING=1", "the watchdog of another process");
}

#[test]
fn a_server_that_does_not_start_is_not_ready() {
    let setup = Setup::new(Syntax::Conf, "CustomLog no/such/dir/log common\n");
    let notify = Notify::bind(setup.root());
    let run = Run::from(setup.command().env("NOTIFY_SOCKET", &notify.path).output().unwrap());
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(notify.rest(), Vec::<Vec<String>>::new());
}

#[test]
fn a_service_manager_that_is_gone_stops_nothing() {
    let setup = Setup::new(Syntax::Conf, "");
    let notify = Notify::bind(setup.root());
    std::fs::remove_file(&notify.path).unwrap();
    let mut server = notify.start(setup, &[]);
    server.wait_for_log("the service manager cannot be told anything");
    assert_eq!(server.get("/").status, 404);
    assert_eq!(server.stop().0.code(), Some(0));
}

/// A configuration that listens where `listener` does.
fn at(listener: &TcpListener, text: &str) -> Setup {
    Setup::verbatim(Syntax::Conf, &format!("Listen {}\n{text}", listener.local_addr().unwrap()))
}

#[test]
fn a_listen_line_takes_the_socket_of_its_address() {
    let origin = Origin::named("ok");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // The test listens there, so that nobody else can bind it.
    let server = activation::start(at(&listener, &format!("ProxyPass / {}/\n", origin.url())), &listener);
    assert_eq!(server.addr(), listener.local_addr().unwrap());
    for _ in 0..10 {
        assert_eq!(server.get("/").text(), "ok");
    }
    assert_eq!(server.stop().0.code(), Some(0));
    assert!(TcpStream::connect(listener.local_addr().unwrap()).is_ok(), "the socket is the manager's");
}

#[test]
fn a_reload_keeps_the_socket_that_was_passed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = activation::start(at(&listener, ""), &listener);
    for generation in 2..4 {
        server.signal(Signal::HUP);
        server.wait_for_log(&format!("generation {generation} is in force"));
        assert_eq!(server.get("/").status, 404);
    }
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn a_socket_for_another_process_is_not_touched() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = at(&listener, "");
    let mut command = activation::command(&setup);
    command.env("AS_PID", "1").stdin(std::os::fd::OwnedFd::from(listener));
    let run = Run::from(command.output().unwrap());
    // It binds by itself, which the socket that it holds without knowing prevents.
    assert!(run.code == Some(1) && run.stderr.contains("another program listens there"), "{run:?}");
}

#[test]
fn a_socket_that_no_listen_line_names_is_an_error_that_names_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let run = activation::run(&Setup::new(Syntax::Conf, ""), listener);
    assert_eq!(run.code, Some(1), "{run:?}");
    for part in [format!("a socket for {addr} (`web`)"), format!("add `Listen {addr}`")] {
        assert!(run.stderr.contains(&part), "{part}: {run:?}");
    }
}

#[test]
fn what_is_no_listening_tcp_socket_is_told() {
    let setup = Setup::new(Syntax::Conf, "");
    let connected = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(connected.local_addr().unwrap()).unwrap();
    let unix = UnixListener::bind(setup.root().join("unix")).unwrap();
    for (run, kind) in [
        (activation::run(&setup, UdpSocket::bind("127.0.0.1:0").unwrap()), "a UDP socket"),
        (activation::run(&setup, unix), "a unix socket"),
        (activation::run(&setup, UnixDatagram::unbound().unwrap()), "a unix socket"),
        (activation::run(&setup, connected), "a TCP socket that does not listen"),
        (activation::run(&setup, std::fs::File::open("/dev/null").unwrap()), "something else"),
    ] {
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(
            run.stderr.contains(&format!("descriptor 3 (`web`) of the service manager is {kind}")),
            "{run:?}"
        );
    }
}

#[test]
fn sockets_are_not_for_k_start_which_goes_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let run = activation::run(&at(&listener, "PidFile pid\n").args(&["-k", "start"]), listener);
    assert!(run.code == Some(1) && run.stderr.contains("start the server in the foreground"), "{run:?}");
}

/// What became of one request on a connection of its own.
#[derive(Debug, PartialEq)]
enum Fate {
    Answered,
    Refused,
    /// The server was on its way out when the connection reached it.
    Unanswered,
}

fn request(addr: std::net::SocketAddr) -> Fate {
    let answer = || -> io::Result<String> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    match answer() {
        Ok(text) if text.starts_with("HTTP/1.1 200 ") => Fate::Answered,
        Ok(text) => {
            assert_eq!(text, "", "half an answer");
            Fate::Unanswered
        }
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Fate::Refused,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
            Fate::Unanswered
        }
    }
}

#[test]
fn nobody_is_refused_while_the_server_is_away() {
    let origin = Origin::named("ok");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let start = || activation::start(at(&listener, &format!("ProxyPass / {}/\n", origin.url())), &listener);
    let is_over = AtomicBool::new(false);
    let fates: Vec<Fate> = std::thread::scope(|scope| {
        let client = || {
            let mut fates = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                fates.push(request(addr));
            }
            fates
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        for _ in 0..3 {
            let server = start();
            let served = origin.count();
            until_true("requests to be served", || origin.count() > served + 20);
            assert_eq!(server.stop().0.code(), Some(0));
        }
        let last = start();
        is_over.store(true, Ordering::Relaxed);
        let fates = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        assert_eq!(last.stop().0.code(), Some(0));
        fates
    });
    let count = |fate: Fate| fates.iter().filter(|one| **one == fate).count();
    let (answered, refused, unanswered) =
        (count(Fate::Answered), count(Fate::Refused), count(Fate::Unanswered));
    figure(format_args!(
        "three restarts behind an inherited socket: {answered} requests answered, {refused} refused, {unanswered} \
         met a server on its way out"
    ));
    assert_eq!(refused, 0);
    assert!(answered >= 60 && unanswered <= 4 * 3, "{answered} answered, {unanswered} not");
}

#[test]
fn a_stop_without_a_deadline_asks_for_time() {
    let setup = Setup::new(Syntax::Conf, "");
    let notify = Notify::bind(setup.root());
    let mut server = notify.start(setup, &[]);
    assert_eq!(notify.message()[0], "READY=1");
    server.signal(Signal::QUIT);
    let stopping = notify.message();
    assert!(value(&stopping, "STATUS").contains("when the last request has ended"), "{stopping:?}");
    let more: u64 = value(&stopping, "EXTEND_TIMEOUT_USEC").parse().unwrap();
    assert!(more >= 60_000_000, "{stopping:?}");
    assert_eq!(server.wait().code(), Some(0));
}
