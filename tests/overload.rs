//! An executor that has more to do than it can: who waits, who is told to come again, and that whoever waits is served.
//! What that costs, and how fast it is, are proofs (`prove/overload.rs`).

use std::collections::VecDeque;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use crate::support::client::{Client, Response};
use crate::support::config::load_line;
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::server::Server;

/// What counts is the executor's own time: where it has a tenth of a processor, forty who wait are two milliseconds each.
const SHORT_DELAY: &str = "OverloadDelay 20ms\n";

/// One executor that computes for each request.
fn busy(lines: &str, origin: &Origin) -> Server {
    Server::conf(&format!(
        "Executors 1\n{lines}{}HostileMode next-slow\nHostileMillis 20\nHostileCluster c {}\nHostileProxyPass / c\n",
        load_line("hostile_module", &modules::rust("mod-hostile")),
        origin.url()
    ))
}

/// Those who have asked and not been answered, in the order in which they did.
struct Askers<'a> {
    server: &'a Server,
    waiting: VecDeque<Client>,
}

impl<'a> Askers<'a> {
    fn new(server: &'a Server, count: usize) -> Self {
        let mut askers = Self { server, waiting: VecDeque::new() };
        (0..count).for_each(|_| askers.ask());
        askers
    }

    fn ask(&mut self) {
        let mut client = self.server.client();
        client.send(b"GET / HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n");
        self.waiting.push_back(client);
    }

    /// What the one was answered who has waited for longest.
    fn next(&mut self) -> Option<Response> {
        self.waiting.pop_front().map(|mut client| client.response())
    }

    /// Has as many as there are ask on, and says how many were served before one was not; none if so many were.
    fn served_until_refused(&mut self, most: usize) -> Option<usize> {
        for served in 0..most {
            let response = self.next().unwrap();
            if response.status == 503 {
                assert_eq!(response.field("Retry-After"), Some("1"), "{}", response.head);
                return Some(served);
            }
            assert_eq!(response.status, 200, "{}", response.head);
            self.ask();
        }
        None
    }
}

#[test]
fn where_they_would_wait_for_too_long_newcomers_are_refused_unless_that_is_off() {
    let origin = Origin::named("ok");
    let mut server = busy(SHORT_DELAY, &origin);
    let begun = Instant::now();
    // It has to compute for a second before that counts; on a busy machine others compute meanwhile.
    let served = Askers::new(&server, 40).served_until_refused(1000).expect("somebody is refused");
    assert!(served > 40, "{served}: a burst is served");
    server.wait_for_log("event=overload");
    let (lines, rounds) = (server.log_lines("event=overload").len(), begun.elapsed().as_secs() / 5);
    assert!(
        (1..=2 + rounds).contains(&(lines as u64)),
        "at once, then every five seconds:\n{}",
        server.log()
    );

    let patient = busy("OverloadDelay off\n", &origin);
    assert_eq!(Askers::new(&patient, 40).served_until_refused(served + 50), None);
}

#[test]
fn short_connections_at_one_socket_do_not_put_off_the_line_at_another() {
    let origin = Origin::named("ok");
    let server = busy(&format!("{SHORT_DELAY}Listen 127.0.0.1:0\nProxyPass /none !\n"), &origin);
    let other = server.addrs()[1];
    thread::scope(|scope| {
        // Dropped at the end, whichever it is.
        let (_going_on, end) = mpsc::channel::<()>();
        scope.spawn(move || {
            while end.try_recv() == Err(TryRecvError::Empty) {
                // One at a time, so that each finds an empty queue there.
                let mut client = Client::connect(other);
                client.send(b"GET /none HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n");
                assert!(matches!(client.response().status, 404 | 503));
            }
        });
        let served = Askers::new(&server, 40).served_until_refused(1000);
        assert!(served.is_some(), "nobody is refused at the socket that is always waited at");
    });
}

#[test]
fn who_waits_when_the_server_is_stopped_is_served() {
    let origin = Origin::named("ok");
    let server = busy("", &origin);
    let mut askers = Askers::new(&server, 40);
    assert_eq!(askers.next().unwrap().status, 200);
    server.signal(Signal::WINCH);
    while let Some(response) = askers.next() {
        assert_eq!(response.status, 200, "{}", response.head);
    }
    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{log}");
}
