//! An executor that has more to do than it can: who waits, who is told to come again, and that whoever waits is served.
//! What that costs, and how fast it is, are proofs (`prove/overload.rs`).

use std::collections::VecDeque;

use rustix::process::Signal;

use crate::support::client::{Client, Response};
use crate::support::config::load_line;
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::server::Server;

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
    let server = busy("", &origin);
    // It has to compute for a second before that counts; on a busy machine others compute meanwhile.
    let served = Askers::new(&server, 40).served_until_refused(1000).expect("somebody is refused");
    assert!(served > 40, "{served}: a burst is served");
    assert_eq!(server.log_lines("event=overload").len(), 1, "{}", server.log());

    let patient = busy("OverloadDelay off\n", &origin);
    assert_eq!(Askers::new(&patient, 40).served_until_refused(served + 50), None);
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
