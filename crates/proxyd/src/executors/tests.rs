//! One executor is started, let go and left alone while others serve.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use proxy_config::{Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_http::executor::Capacity;
use proxy_http::transaction::{Transaction, TransactionLog};

use super::*;

/// Keeps the executor of each request until it is told to go on.
struct Blocking(Mutex<Receiver<()>>);

impl TransactionLog for Blocking {
    fn log(&self, _: u32, _: &Transaction<'_>) -> bool {
        let _ = self.0.lock().unwrap().recv_timeout(Duration::from_secs(20));
        false
    }

    fn flush(&self, _: u32) {}
}

fn generation() -> Generation {
    let files = MemoryLoader::default().with("/t/a.conf", "Listen 80\n");
    let configured =
        configure(&Input::new("/t/a.conf", "/t"), &files, &proxy_dso::Loader::default(), Vec::new());
    Generation::build(configured.conf, &[], &Caller::new(u32::MAX)).unwrap()
}

/// Without executors, where it listens, and what lets a request end.
fn executors() -> (Ends, SocketAddr, mpsc::Sender<()>) {
    let listener = proxy_http::listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    let (go_on, told) = mpsc::channel();
    let (log, capacity) = (Arc::new(Blocking(Mutex::new(told))), Capacity::new(100, 0, 0));
    let shared = Shared::new(Arc::new(generation()), log, capacity, crate::trace::observation());
    (Executors::prepare([Arc::new(listener)].into(), Arc::new(shared)), addr, go_on)
}

/// Sends a request and reads what is answered until the connection ends, or not in time.
fn ask(addr: SocketAddr) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn next(ends: &mut Ends) -> Option<Option<Drained>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), ends.next()).await }).unwrap()
}

fn until_true(holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "waited in vain");
        thread::yield_now();
    }
}

#[test]
fn no_executor_keeps_a_socket_that_it_no_longer_accepts_at() {
    let (ends, ..) = executors();
    let executors = Arc::clone(ends.executors());
    let socket = Arc::downgrade(&executors.crew().orders.listeners[0]);
    executors.grow(2).unwrap();
    executors.follow(&Listeners::default());
    until_true(|| socket.strong_count() == 0);
}

#[test]
fn executors_come_and_go_while_others_serve() {
    let (mut ends, addr, go_on) = executors();
    let executors = Arc::clone(ends.executors());
    (0..9).for_each(|_| go_on.send(()).unwrap());
    assert_eq!(executors.grow(2).unwrap(), [0, 1]);
    assert!(ask(addr).starts_with("HTTP/1.1 404"));
    assert!(executors.release(0) && !executors.release(0) && !executors.release(7));
    assert_eq!(executors.add().unwrap(), 2, "a number is not used again");
    assert!(ask(addr).starts_with("HTTP/1.1 404"));
    executors.shrink(1);
    assert_eq!(executors.counts().at_work, 1);
    assert!(ask(addr).starts_with("HTTP/1.1 404"));
    executors.tell(Phase::Draining);
    assert!(executors.add().is_err(), "nobody comes to a server that ends");
    assert_eq!(next(&mut ends), Some(Some(Drained { cut: 0 })), "of the one that was not let go");
    assert_eq!(next(&mut ends), None);
    assert_eq!(executors.counts(), Counts::default());
}

#[test]
fn one_that_is_stuck_hinders_neither_the_others_nor_the_end() {
    let (mut ends, addr, go_on) = executors();
    let executors = Arc::clone(ends.executors());
    executors.grow(1).unwrap();
    let stuck = thread::spawn(move || ask(addr));
    until_true(|| executors.shared().capacity.connected() == 1);
    executors.add().unwrap();
    assert!(executors.abandon(0) && !executors.abandon(0));
    assert_eq!(executors.counts(), Counts { at_work: 1, leaving: 0, abandoned: 1 });
    executors.tell(Phase::Stop);
    assert_eq!(next(&mut ends), Some(Some(Drained { cut: 0 })));
    assert_eq!(next(&mut ends), None, "nobody waits for the one that is stuck");
    go_on.send(()).unwrap();
    drop(stuck.join());
}

#[test]
fn whoever_waits_for_one_that_is_abandoned_hears_of_it() {
    let (mut ends, addr, go_on) = executors();
    let executors = Arc::clone(ends.executors());
    executors.grow(1).unwrap();
    let stuck = thread::spawn(move || ask(addr));
    until_true(|| executors.shared().capacity.connected() == 1);
    executors.tell(Phase::Stop);
    let waiting = thread::spawn(move || next(&mut ends));
    assert!(executors.abandon(0));
    assert_eq!(waiting.join().unwrap(), None);
    go_on.send(()).unwrap();
    drop(stuck.join());
}
