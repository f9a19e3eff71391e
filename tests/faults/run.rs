//! Runs one row of the matrix against the real program, and looks at it from every side.

use std::fs;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;

use super::MATRIX;
use super::row::{After, Asks, First, Gets, Goes, Others, Row};
use crate::support::backlog::FullBacklog;
use crate::support::client::{Client, Response};
use crate::support::config::{Balanced, Syntax};
use crate::support::inject::Injected;
use crate::support::misbehaving::misbehaving;
use crate::support::origin::Origin;
use crate::support::ports::Refused;
use crate::support::server::{Server, Setup};
use crate::support::told::{figure, is_sanitized};
use crate::support::traced::Stream;
use crate::support::wait::{until, until_true};

/// Rows that were as the table says, in this run.
static PASSED: AtomicUsize = AtomicUsize::new(0);

const TARGET: &str = "/snoop/fault";

/// More than a server grows by a request that it serves or refuses.
const MEMORY_KIB: u64 = 4096;

pub(super) fn row(name: &str) {
    let row = MATRIX.iter().find(|row| row.name == name).unwrap();
    let stage = Stage::set(row);
    let server = stage.server();
    let mut scene = Scene::begin(row, &stage, &server);
    let inject = |call, errno, when| Injected::new(&server, call, errno, when).map(Some);
    let injected = match row.first {
        First::Connecting(errno) => inject("connect", errno, "1"),
        First::Accepting(errno) => inject("accept4", errno, "1"),
        First::NoDescriptors => inject("socket", "EMFILE", "1+"),
        First::Refuses | First::Drops | First::Plays(_) => Some(None),
    };
    let Some(injected) = injected else { return };
    scene.play(injected);
    scene.look();
    let passed = 1 + PASSED.fetch_add(1, Relaxed);
    figure(format_args!(
        "fault {} {}: as the table says; {passed} of {} rows so far",
        row.number,
        row.name,
        MATRIX.len()
    ));
}

/// Who is there.
struct Stage {
    first: Peer,
    second: Option<Origin>,
    elsewhere: Origin,
}

/// The first endpoint.
enum Peer {
    Refused(Refused),
    Full(FullBacklog),
    Origin(Origin),
}

impl Peer {
    fn url(&self) -> String {
        match self {
            Self::Refused(refused) => refused.url(),
            Self::Full(full) => full.url(),
            Self::Origin(origin) => origin.url(),
        }
    }

    fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Origin(origin) => Some(origin),
            Self::Refused(_) | Self::Full(_) => None,
        }
    }
}

impl Stage {
    fn set(row: &Row) -> Self {
        let first = match row.first {
            First::Refuses => Peer::Refused(Refused::new()),
            First::Drops => Peer::Full(FullBacklog::new()),
            First::Plays(scripts) => Peer::Origin(misbehaving(scripts)),
            First::Connecting(_) | First::Accepting(_) | First::NoDescriptors => {
                Peer::Origin(Origin::named("A"))
            }
        };
        let second = (row.others == Others::Well).then(|| Origin::named("B"));
        Self { first, second, elsewhere: Origin::named("elsewhere") }
    }

    fn server(&self) -> Server {
        let urls = [Some(self.first.url()), self.second.as_ref().map(Origin::url)];
        let config = Balanced::snoop(urls.iter().flatten())
            .set("Executors", "1")
            .set("LogLevel", "info")
            .set("AdminSocket", "admin.sock")
            .set("ProxyConnectTimeout", "200ms")
            .set("ProxyTimeout", "500ms")
            .set("LogFormat", "\"%U %>s %{endpoint}x %{tries}x\" fault")
            .set("CustomLog", "access.log fault")
            .set("ProxyPass", &format!("/elsewhere {}", self.elsewhere.url()));
        Setup::new(Syntax::Conf, &config.text(Syntax::Conf)).start()
    }

    /// A and B in place of addresses.
    fn anonymous(&self, text: &str) -> String {
        let addr = |url: String| url.trim_start_matches("http://").to_owned();
        let text = text.replace(&addr(self.first.url()), "A");
        self.second.as_ref().map_or_else(|| text.clone(), |second| text.replace(&addr(second.url()), "B"))
    }

    fn seen(&self) -> [usize; 2] {
        let of = |origin: &Origin| origin.requests().iter().filter(|seen| seen.target() == TARGET).count();
        [self.first.origin().map_or(0, of), self.second.as_ref().map_or(0, of)]
    }
}

/// One row being played.
struct Scene<'a> {
    row: &'static Row,
    stage: &'a Stage,
    server: &'a Server,
    client: Option<Client>,
    trace: Stream,
    /// Lines that were logged before the fault.
    before: usize,
    memory: u64,
}

impl<'a> Scene<'a> {
    fn begin(row: &'static Row, stage: &'a Stage, server: &'a Server) -> Self {
        let mut client = server.client();
        let reused = matches!(row.asks, Asks::ReusedGet | Asks::ReusedPost);
        for target in ["/snoop/first", "/snoop/second"].iter().take(if reused { 2 } else { 0 }) {
            client.send_get(target);
            assert_eq!(client.response().status, 200, "{target}");
        }
        client.send_get("/nowhere");
        assert_eq!(client.response().status, 404);
        if reused && row.goes == Goes::Again && row.events.is_empty() {
            let origin = stage.first.origin().unwrap();
            until_true("the idle connection to end", || origin.open() == 0);
        }
        let client = (!matches!(row.first, First::Accepting(_))).then_some(client);
        let trace = Stream::json(server, "");
        let (before, memory) = (server.log().lines().count(), server.process().memory_kib("VmHWM"));
        Self { row, stage, server, client, trace, before, memory }
    }

    fn play(&mut self, injected: Option<Injected>) {
        let mut client = self.client.take().unwrap_or_else(|| self.server.client());
        match self.row.asks {
            Asks::Get | Asks::ReusedGet | Asks::AbortedGet => client.send_get(TARGET),
            Asks::Head => client.send(request("HEAD", "").as_bytes()),
            Asks::Put => client.send(request("PUT", "hello").as_bytes()),
            Asks::Post | Asks::ReusedPost => client.send(request("POST", "hello").as_bytes()),
            Asks::Upload(length) => upload(&client, length),
        }
        if self.row.asks == Asks::AbortedGet {
            self.stage.first.origin().unwrap().wait_for_requests(1);
            return client.reset();
        }
        let response = client.try_response(self.row.asks == Asks::Head);
        drop(injected);
        let response = response.unwrap_or_else(|error| panic!("no answer: {error}"));
        self.got(&response);
        self.stays(&mut client, &response);
    }

    fn got(&self, response: &Response) {
        let retry_after = response.field("Retry-After").is_some();
        match self.row.gets {
            Gets::Ours(status) => {
                assert_eq!((response.status, response.broken), (status, None), "{}", response.head);
                assert_eq!(retry_after, status == 503, "{}", response.head);
            }
            Gets::Theirs(status, body) => {
                assert_eq!((response.status, response.broken), (status, None), "{}", response.head);
                assert_eq!(response.text(), body);
            }
            Gets::Cut(status) => {
                assert_eq!(response.status, status);
                assert_eq!(response.broken, Some(ErrorKind::ConnectionReset), "{response:?}");
            }
            Gets::Nothing => panic!("nothing was expected: {}", response.head),
        }
    }

    /// Whether the client's connection is what the table says, and what the answer said of it.
    fn stays(&self, client: &mut Client, response: &Response) {
        let announced = response.field("Connection") == Some("close");
        match self.row.after {
            After::Kept => {
                assert!(!announced, "{}", response.head);
                client.send_get("/elsewhere");
                assert_eq!(client.response().text(), "elsewhere");
            }
            After::Closed => {
                assert!(announced, "{}", response.head);
                let read = std::io::Read::read(&mut client.stream(), &mut [0]);
                assert!(matches!(read, Ok(0)), "a clean end was expected: {read:?}");
            }
            After::Reset => assert!(!response.complete, "{}", response.head),
        }
    }

    fn look(mut self) {
        let row = self.row;
        let request = self.traced();
        assert_eq!(self.stage.anonymous(&walk(&request)), row.balancer, "{request:#}");
        assert_eq!(self.stage.seen(), row.seen, "how often A and B have seen it");
        let access = until("the line of the access log", || {
            let log = fs::read_to_string(self.server.root().join("access.log")).unwrap_or_default();
            log.lines().find_map(|line| line.strip_prefix(TARGET)).map(|line| line.trim().to_owned())
        });
        assert_eq!(self.stage.anonymous(&access), row.access);
        assert_eq!(self.server.get("/elsewhere").text(), "elsewhere", "whoever comes next");
        until_true("the events of the log", || events_match(row.events, &self.events()));
        if let Some(origin) = self.stage.first.origin()
            && row.goes == Goes::Nowhere
            && !row.events.is_empty()
            && !matches!(row.first, First::Accepting(_))
        {
            until_true("the endpoint's connection to be ended", || origin.open() == 0);
        }
        let grown = self.server.process().memory_kib("VmHWM") - self.memory;
        assert!(grown <= MEMORY_KIB || is_sanitized(), "the server has grown by {grown} KiB");
    }

    /// What modules were told of the request.
    fn traced(&mut self) -> Value {
        loop {
            let request = self.trace.request();
            if request["target"] == TARGET {
                return request;
            }
        }
    }

    /// The names of the events that were logged since.
    fn events(&self) -> Vec<String> {
        let log = self.server.log();
        let events = log.lines().skip(self.before).filter_map(|line| line.split_once(" event="));
        events
            .map(|(_, rest)| rest.split([' ', ',']).next().unwrap_or_default().trim_matches('"').to_owned())
            .collect()
    }
}

/// Whether these events are those of the table, of which one in brackets may be missing.
fn events_match(table: &str, events: &[String]) -> bool {
    let mut events = events.iter().map(String::as_str).peekable();
    let mut all = true;
    for wanted in table.split_ascii_whitespace() {
        let name = wanted.trim_matches(['(', ')']);
        let found = events.next_if_eq(&name).is_some();
        all &= found || name != wanted;
    }
    all && events.next().is_none()
}

/// The calls of `proxy.load_balance`'s answer, each as one word or a few.
fn walk(request: &Value) -> String {
    let calls = request["calls"].as_array().unwrap().iter();
    let calls = calls.filter(|call| call["hook"] == "proxy.load_balance");
    let words = calls.filter_map(|call| {
        let (input, output) = (&call["in"], &call["out"]);
        let endpoint = input["endpoint"].as_str().or_else(|| output["endpoint"].as_str()).unwrap_or("nobody");
        match call["function"].as_str().unwrap() {
            "next" => Some(format!("next {endpoint}")),
            "report_failure" => Some(format!("failed {endpoint} {}", input["kind"].as_str().unwrap())),
            "response_head" => Some(format!("head {endpoint}")),
            "done" => Some(format!("done {endpoint} {}", input["result"].as_str().unwrap())),
            _ => None,
        }
    });
    words.collect::<Vec<String>>().join(", ")
}

fn request(method: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {TARGET} HTTP/1.1\r\nHost: test.example\r\n{length}\r\n{body}")
}

/// Sends a large request as fast as it is taken, while its answer is waited for.
fn upload(client: &Client, length: usize) {
    let mut stream = client.stream().try_clone().unwrap();
    std::thread::spawn(move || {
        let head =
            format!("POST {TARGET} HTTP/1.1\r\nHost: test.example\r\nContent-Length: {length}\r\n\r\n");
        // The server may have answered before: what then comes of the rest is the client's to see.
        let sent = std::io::Write::write_all(&mut stream, head.as_bytes());
        drop(sent.and_then(|()| std::io::Write::write_all(&mut stream, &vec![b'u'; length])));
    });
}
