//! The error log and access logs: where they go, what they hold, and that nobody can forge a line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::config::{Balanced, Syntax};
use crate::support::load::load;
use crate::support::origin::{Origin, Then};
use crate::support::ports::Refused;
use crate::support::process::wait_for_file;
use crate::support::server::{Server, Setup};
use crate::support::wait::until;

/// The lines of a log once there are so many.
fn lines(server: &Server, name: &str, count: usize) -> Vec<String> {
    let path = server.root().join(name);
    until(&format!("{count} lines in {name}"), || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count && text.ends_with('\n')).then_some(lines)
    })
}

#[test]
fn common_and_combined_are_those_of_httpd() {
    let origin = Origin::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Then::Keep);
    let server = Server::conf(&format!(
        "CustomLog common.log common\nCustomLog combined.log combined\nProxyPass / {}/\n",
        origin.url()
    ));
    server.send("GET /x?y HTTP/1.1\r\nHost: a\r\nReferer: http://r/\r\nUser-Agent: agent 1\r\nConnection: close\r\n\r\n");
    let common = lines(&server, "common.log", 1).remove(0);
    let (before, rest) = common.split_once(" [").unwrap();
    let (time, after) = rest.split_once("] ").unwrap();
    assert_eq!(before, "127.0.0.1 - -");
    assert_eq!(after, "\"GET /x?y HTTP/1.1\" 200 5");
    // 24/Nov/2026:15:04:05 +0000
    assert_eq!((time.len(), time.matches('/').count(), time.matches(':').count()), (26, 2, 3), "{time}");
    let combined = lines(&server, "combined.log", 1).remove(0);
    assert!(combined.ends_with("\"GET /x?y HTTP/1.1\" 200 5 \"http://r/\" \"agent 1\""), "{combined}");
}

#[test]
fn a_format_tells_which_endpoint_answered_and_after_how_many_tries() {
    let (refused, origin) = (Refused::new(), Origin::named("ok"));
    let config = Balanced::snoop([refused.url(), origin.url()]);
    let server = Setup::new(
        Syntax::Conf,
        &format!(
            "Executors 1\nLogFormat \"%>s %{{endpoint}}x %{{tries}}x %U\" tried\nCustomLog tried.log tried\n{}",
            config.text(Syntax::Conf)
        ),
    );
    let run = server.check(&["-t"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let server = server.start();
    server.get("/snoop");
    server.get("/snoop");
    let lines = lines(&server, "tried.log", 2);
    let addr = origin.addr();
    assert_eq!(lines, [format!("200 {addr} 2 /snoop"), format!("200 {addr} 1 /snoop")]);
}

#[test]
fn every_request_has_one_line_also_those_that_fail() {
    let (refused, origin) = (Refused::new(), Origin::named("ok"));
    let server = Server::conf(&format!(
        "Executors 1\nLogFormat \"%>s\" status\nCustomLog status.log status\nProxyPass /down {}\nProxyPass /up {}\n",
        refused.url(),
        origin.url()
    ));
    server.get("/up");
    server.get("/down");
    server.get("/nowhere");
    server.send("GET /up HTTP/1.1\r\n\r\n");
    server.get("/up");
    let lines = lines(&server, "status.log", 5);
    assert_eq!(lines, ["200", "503", "404", "400", "200"]);
}

#[test]
fn bytes_of_a_client_cannot_forge_a_line() {
    let origin = Origin::named("ok");
    let server = Server::conf(&format!(
        "LogFormat \"%{{User-Agent}}i|%{{X-Evil}}i\" agent\nCustomLog agent.log agent\nProxyPass / {}/\n",
        origin.url()
    ));
    let mut client = server.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\"b\\c\xe4\x9fd\te\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().status, 200);
    let text = wait_for_file(&server.root().join("agent.log"), "|-\n");
    assert_eq!(text, "a\\\"b\\\\c\\xe4\\x9fd\\te|-\n");
}

#[test]
fn the_error_log_goes_into_a_file_in_httpds_form() {
    let refused = Refused::new();
    let server = Server::conf(&format!("ErrorLog error.log\nProxyPass / {}/\n", refused.url()));
    let pid = server.process().pid();
    assert_eq!(server.get("/").status, 503);
    let text = wait_for_file(&server.root().join("error.log"), &refused.addr().to_string());
    let line = text.lines().find(|line| line.contains(&refused.addr().to_string())).unwrap();
    // [Tue Nov 24 15:04:05.123456 2026] [proxy_http:error] [pid 1:tid 2] PX0000: text key=value
    let fields: Vec<&str> = line.splitn(4, "] ").collect();
    assert_eq!(fields.len(), 4, "{line}");
    assert!(fields[0].starts_with('[') && fields[1].starts_with('[') && fields[1].contains(':'), "{line}");
    assert!(fields[2].starts_with(&format!("[pid {pid}:tid ")), "{line}");
    assert!(!server.log().contains(&refused.addr().to_string()), "standard error is silent then");
}

#[test]
fn a_failed_request_has_one_line_in_the_error_log_that_names_endpoint_and_reason() {
    let (one, two) = (Refused::new(), Refused::new());
    let mut server = Server::balanced(Syntax::Conf, &Balanced::snoop([one.url(), two.url()]));
    assert_eq!(server.get("/snoop/which").status, 503);
    let line = server.wait_for_log(&two.addr().to_string());
    assert!(line.contains("refused"), "{line}");
}

#[test]
fn loglevel_is_set_per_module() {
    let origin = Origin::named("ok");
    let module = crate::support::modules::c("tests/data/last_first.c", &[]).display().to_string();
    let config = |level: &str| {
        format!(
            "LoadModule last_first_module {module}\n{{lb}}\nLogLevel {level}\nLBServerCluster c {}\nLBProxyPass / c\n\
             LBMethod c last_first_module\n",
            origin.url()
        )
    };
    let quiet = Server::conf(&config("info"));
    assert_eq!(quiet.get("/").status, 200);
    assert!(quiet.stop().1.matches("last_first: in_flight").count() == 0);
    let mut loud = Server::conf(&config("info last_first_module:debug"));
    assert_eq!(loud.get("/").status, 200);
    let line = loud.wait_for_log("last_first: in_flight=0");
    assert!(line.contains("[last_first_module:debug]"), "{line}");
    assert!(
        !loud.log().contains("[core:debug]") && !loud.log().contains("[proxy_http:debug]"),
        "{}",
        loud.log()
    );
}

#[test]
fn a_log_that_cannot_be_opened_stops_the_start() {
    for lines in ["ErrorLog nowhere/error.log", "CustomLog nowhere/access.log common"] {
        let run = Setup::new(Syntax::Conf, &format!("{lines}\n")).check(&[]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains("nowhere/"), "{run:?}");
    }
}

/// More lines than a pipe and the server hold, if all are `long`.
const REQUESTS: usize = 2000;

/// A format of a thousand bytes and more.
fn long() -> String {
    format!("LogFormat \"%>s %U {}\" long\n", "x".repeat(1000))
}

fn fifo(dir: &Path) -> PathBuf {
    let path = dir.join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    path
}

/// A reader that has opened a FIFO and reads nothing yet.
fn stalled(fifo: &Path) -> fs::File {
    fs::File::options().read(true).write(true).open(fifo).unwrap()
}

#[test]
fn a_stalled_reader_of_both_logs_stops_neither_requests_nor_term() {
    let refused = Refused::new();
    let text = format!("{}ErrorLog fifo\nCustomLog fifo long\nProxyPass / {}/\n", long(), refused.url());
    let setup = Setup::new(Syntax::Conf, &text);
    let _reader = stalled(&fifo(setup.root()));
    let server = setup.start();
    let statuses = load(server.addr(), REQUESTS, 0);
    assert_eq!(statuses.of(503), REQUESTS, "{statuses}");
    let begin = Instant::now();
    let (status, log) = server.stop();
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn lines_that_a_stalled_reader_cost_are_counted_to_the_last() {
    let origin = Origin::named("ok");
    let setup =
        Setup::new(Syntax::Conf, &format!("{}CustomLog fifo long\nProxyPass / {}/\n", long(), origin.url()));
    let reader = stalled(&fifo(setup.root()));
    let mut server = setup.start();
    assert_eq!(load(server.addr(), REQUESTS, 0).failed(), 0);
    let line = server.wait_for_log("log lines are lost");
    // What ended together is lost together.
    let lost: usize = line.rsplit_once("/fifo lost=").unwrap().1.parse().unwrap();
    assert!(line.contains("its reader does not keep up log=") && (1..100).contains(&lost), "{line}");
    // It reads on, and more is written: no line is in pieces, and all are accounted for.
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let first: Vec<String> = lines.by_ref().take(100).collect();
    assert!(first.iter().all(|line| line.starts_with("200 /") && line.ends_with("xxx")));
    server.wait_for_log("log lines were lost since the start");
    server.get("/last");
    let rest = lines.take_while(|line| !line.starts_with("200 /last ")).count();
    let (status, log) = server.stop();
    // A line follows its answer: the last one may be lost just after that was told, and is told at the end then.
    let told: Vec<&str> = log.lines().filter(|line| line.contains("log lines ")).collect();
    assert!(told.len() <= 3, "not once a line: {log}");
    let lost: usize = told.last().unwrap().rsplit_once("lost=").unwrap().1.parse().unwrap();
    assert!(lost > 100, "{log}");
    assert_eq!((first.len() + rest + lost, status.code()), (REQUESTS, Some(0)), "{log}");
}

#[test]
fn a_stalled_reader_of_standard_error_stops_neither_requests_nor_term() {
    let origin = Origin::named("ok");
    let setup = Setup::new(
        Syntax::Conf,
        &format!("{}CustomLog /dev/stderr long\nProxyPass / {}/\n", long(), origin.url()),
    );
    let mut child = setup.command().stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    let mut ready = String::new();
    while !ready.contains("listening on ") {
        ready.clear();
        assert!(reader.read_line(&mut ready).unwrap() > 0, "it does not listen");
    }
    let addr = ready.rsplit_once("listening on ").unwrap().1.split(',').next().unwrap();
    let addr: SocketAddr = addr.parse().unwrap();
    assert_eq!(load(addr, REQUESTS, 0).failed(), 0);
    let unread = rustix::io::ioctl_fionread(reader.get_ref().as_fd()).unwrap();
    assert!(unread > 32 * 1024, "{unread} bytes: the pipe is full");
    let begin = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = until("the end of the server", || child.try_wait().unwrap());
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_line_has_8_kib_at_most_and_a_value_of_the_client_2() {
    let origin = Origin::named("ok");
    let server = Server::conf(&format!("CustomLog combined.log combined\nProxyPass / {}/\n", origin.url()));
    let quotes = "\"".repeat(7000);
    let get = format!("GET /{} HTTP/1.1\r\nHost: a\r\n", "y".repeat(7000));
    server.send(&format!("{get}Referer: {quotes}\r\nUser-Agent: {quotes}\r\nConnection: close\r\n\r\n"));
    let line = lines(&server, "combined.log", 1).remove(0);
    assert!(line.len() < 8 * 1024 && line.len() > 6000, "{}", line.len());
    assert!(line.contains("yyy...\" 200 ") && line.ends_with("\\\"...\""), "{line}");
}
