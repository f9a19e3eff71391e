//! The suites of other servers, transcribed as tables (`data/suites`) and run over real sockets: those about bytes here,
//! each row in three splittings, with a ledger of what the origin was sent; those about a configured proxy in `proxied`.
//! A row that proxyd answers otherwise on purpose says why; it is listed, and fails as soon as it is no longer true.

mod balancer;
mod proxied;
mod resources;
mod websockets;

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::client::{Client, Response, find};
use crate::support::origin::{Ledger, Origin, Seen, read_request};
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::DEADLINE;

#[path = "data/suites/case.rs"]
mod case;

use case::Expect::{Broken, Dropped, Failure, Messages, Status, Stops, Success, Waits, Within};
use case::{Case, Expect, answer, case, why};

struct Suite {
    name: &'static str,
    cases: &'static [Case],
}

#[derive(Clone, Copy, Debug)]
enum Splitting {
    Whole,
    ByteByByte,
    AtLineEnds,
}

const SPLITTINGS: [Splitting; 3] = [Splitting::Whole, Splitting::ByteByByte, Splitting::AtLineEnds];

impl Splitting {
    /// The pieces of the bytes, each for a write of its own.
    fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![bytes],
            Self::ByteByByte => bytes.chunks(1).collect(),
            Self::AtLineEnds => bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')).collect(),
        }
    }

    fn send(self, client: &mut Client, bytes: &[u8]) {
        for piece in self.pieces(bytes) {
            // A refusal may close the connection before everything was written.
            if !client.try_send(piece) {
                return;
            }
        }
    }
}

/// What the origin is to answer next.
type Script = Arc<Mutex<Option<(&'static [u8], Splitting)>>>;

/// A server and its origin, used by one thread for one row at a time, so that what the origin sees is the row's.
struct Bench {
    server: Server,
    script: Script,
    seen: Receiver<Seen>,
    _origin: Origin,
}

impl Bench {
    fn new() -> Self {
        let (tell, seen) = mpsc::channel();
        let script = Script::default();
        let origin = {
            let script = Arc::clone(&script);
            Origin::conversing(move |conn, stream, ledger| converse(conn, stream, ledger, &tell, &script))
        };
        let server = Server::conf(&format!(
            "Executors 1\nProxyPreserveHost On\nProxyTimeout 5s\nProxyPass / {}/\n",
            origin.url()
        ));
        Self { server, script, seen, _origin: origin }
    }

    /// What went wrong with a row, if anything did.
    fn check(&self, case: &Case, splitting: Splitting) -> Result<(), String> {
        *self.script.lock().unwrap() = case.answer.map(|bytes| (bytes, splitting));
        let mut client = self.server.client();
        splitting.send(&mut client, case.bytes);
        if let Waits(rest) = case.expect {
            // An answer to the first part would be in front of the one to the whole.
            splitting.send(&mut client, rest);
        }
        client.try_finish_sending();
        let answers: Vec<Response> = std::iter::from_fn(|| client.try_response(false).ok()).collect();
        drop(client);
        // After a scripted answer the origin tells last, so that the next row does not meet its ending connection.
        let last = case.answer.and_then(|_| self.seen.recv_timeout(DEADLINE).ok());
        let seen: Vec<Seen> = last.into_iter().chain(self.seen.try_iter()).collect();
        judge(case, &answers)?;
        ledger_agrees(case, &answers, &seen)?;
        holds("the origin was sent", case.sent_on, seen.first().map_or(b"", |seen| &seen.raw))?;
        holds("the client was sent", case.handed_on, answers.first().map_or(b"", |one| one.head.as_bytes()))
    }
}

/// Marks the answers of the origin, so that they are told from the server's own.
const FROM_ORIGIN: &str = "X-From-Origin";

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nX-From-Origin: 1\r\nContent-Length: 0\r\n\r\n";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nX-From-Origin: 1\r\nContent-Length: 0\r\n\r\n";

/// The resource that httpd's suites ask for in order to get a 404.
const MISSING: &str = "/i_do_not_exist_in_your_wildest_imagination";

fn converse(
    conn: usize,
    mut stream: TcpStream,
    ledger: &Ledger,
    tell: &Sender<Seen>,
    script: &Script,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(seen) = read_request(conn, &mut stream, ledger)? {
        let missing = seen.target() == MISSING;
        let scripted = *script.lock().unwrap();
        if let Some((bytes, splitting)) = scripted {
            // An answer that is refused half-way ends the connection early.
            drop(splitting.pieces(bytes).into_iter().try_for_each(|piece| stream.write_all(piece)));
            drop(stream.shutdown(Shutdown::Both));
            drop(tell.send(seen));
            return Ok(());
        }
        drop(tell.send(seen));
        stream.write_all(if missing { NOT_FOUND } else { OK })?;
    }
    Ok(())
}

/// Whether the answers are those that the row expects, or those of its deviation.
fn judge(case: &Case, answers: &[Response]) -> Result<(), String> {
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let as_expected = if let Broken = case.expect {
        !answers.iter().any(|answer| answer.complete && answer.status < 400)
    } else {
        expected(case.expect, &statuses)
    };
    match case.deviates {
        None if as_expected => Ok(()),
        None => Err(format!("{:?} was expected, the answers are {statuses:?}", case.expect)),
        Some(_) if as_expected => Err(format!("{statuses:?} is what was expected: it deviates no more")),
        Some(deviation) if deviation.statuses == statuses => Ok(()),
        Some(deviation) => {
            Err(format!("{:?} was promised, the answers are {statuses:?}", deviation.statuses))
        }
    }
}

fn expected(expect: Expect, statuses: &[u16]) -> bool {
    let good = |status: &u16| (200..400).contains(status);
    match (expect, statuses) {
        (Success | Waits(_), [status]) => good(status),
        (Failure, [status]) => *status >= 400,
        (Status(expected), [status]) => *status == expected,
        (Within(first, last), [status]) => (first..=last).contains(status),
        (Dropped, []) => true,
        (Messages(count), all) => all.len() == count && all.iter().all(good),
        (Stops(count), all) => {
            all.iter().take(count).all(good)
                && (all.len() == count || all.len() == count + 1 && all[count] >= 400)
        }
        _ => false,
    }
}

/// One whole request at the origin for each of its answers, and none for a refusal, which ends the connection.
fn ledger_agrees(case: &Case, answers: &[Response], seen: &[Seen]) -> Result<(), String> {
    let lines: Vec<&str> = seen.iter().map(Seen::line).collect();
    if case.answer.is_some() {
        return if seen.len() == 1 { Ok(()) } else { Err(format!("the origin was sent {lines:?}")) };
    }
    let from_origin = answers.iter().filter(|answer| answer.field(FROM_ORIGIN).is_some()).count();
    if from_origin != seen.len() {
        return Err(format!("{from_origin} answers are the origin's, which was sent {lines:?}"));
    }
    let refusals =
        answers.iter().filter(|answer| answer.field(FROM_ORIGIN).is_none() && answer.status >= 400);
    let mut open = refusals.filter(|refusal| refusal.field("Connection") != Some("close"));
    open.next().map_or(Ok(()), |refusal| Err(format!("a refusal does not close:\n{}", refusal.head)))
}

fn holds(who: &str, fragment: &[u8], whole: &[u8]) -> Result<(), String> {
    if fragment.is_empty() || find(whole, fragment).is_some() {
        return Ok(());
    }
    Err(format!("{who} `{}`, not `{}`", whole.escape_ascii(), fragment.escape_ascii()))
}

/// Runs a suite in all splittings, on two benches at once; every failure and every deviation is told.
fn run(suite: &Suite) {
    const BENCHES: usize = 2;
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for number in 0..BENCHES {
            let failures = &failures;
            scope.spawn(move || {
                let mut bench = Bench::new();
                for case in suite.cases.iter().skip(number).step_by(BENCHES) {
                    for splitting in SPLITTINGS {
                        if let Err(text) = bench.check(case, splitting) {
                            failures.lock().unwrap().push(format!("{} ({splitting:?}): {text}", case.id));
                            // What a failed row left behind must not be taken for the next one's.
                            bench = Bench::new();
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}, {} failures:\n{}", suite.name, failures.len(), failures.join("\n"));
    report(suite);
}

fn report(suite: &Suite) {
    let deviating: Vec<_> = suite.cases.iter().filter(|case| case.deviates.is_some()).collect();
    figure(format_args!(
        "{}: {} cases in {} splittings, {} as expected, {} deviations",
        suite.name,
        suite.cases.len(),
        SPLITTINGS.len(),
        suite.cases.len() - deviating.len(),
        deviating.len()
    ));
    for case in deviating {
        let Some(deviation) = case.deviates else { continue };
        let (expect, statuses) = (case.expect, deviation.statuses);
        figure(format_args!("  {}: {expect:?} is {statuses:?} here, {}", case.id, deviation.reason));
    }
}

/// A suite's test, from the table of that file.
macro_rules! suites {
    ($($test:ident: $name:literal, $file:literal, $least:literal;)*) => {$(
        #[test]
        fn $test() {
            const CASES: &[Case] = &include!($file);
            let suite = Suite { name: $name, cases: CASES };
            assert!(suite.cases.len() >= $least, "{} has shrunk to {}", suite.name, suite.cases.len());
            run(&suite);
        }
    )*};
}

suites! {
    suite_httpd_strict: "httpd http_strict.t", "data/suites/httpd_strict.rs", 80;
    suite_httpd_http1_unsafe: "httpd http1/test_006_unsafe", "data/suites/httpd_http1_unsafe.rs", 79;
    suite_httpd_http1_strict: "httpd http1/test_007_strict", "data/suites/httpd_http1_strict.rs", 30;
    suite_httpd_http1_minor_version: "httpd http1/test_008_minor_version", "data/suites/httpd_http1_minor_version.rs", 32;
    suite_httpd_bodies: "httpd chunkinput.t, teclchunk.t, contentlength.t", "data/suites/httpd_bodies.rs", 30;
    suite_httpd_cve: "httpd CVE cases", "data/suites/httpd_cve.rs", 15;
    suite_h1spec: "h1spec", "data/suites/h1spec.rs", 32;
    suite_llhttp_requests: "llhttp test/request", "data/suites/llhttp_requests.rs", 140;
    suite_llhttp_responses: "llhttp test/response", "data/suites/llhttp_responses.rs", 80;
}
