//! The admin socket of a live server, and the verb that reads it.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::admin::{ask, json, socket};
use crate::support::config::{Balanced, Syntax};
use crate::support::origin::Origin;
use crate::support::ports::Refused;
use crate::support::process::run;
use crate::support::server::{Server, Setup};
use crate::support::told::is_sanitized;
use crate::support::wait::until_true;

fn server(urls: &[String]) -> Server {
    Server::balanced(Syntax::Conf, &Balanced::snoop(urls).set("AdminSocket", "admin.sock"))
}

fn endpoint(server: &Server, index: usize) -> Value {
    json(server, "/clusters")["clusters"][0]["endpoints"][index].clone()
}

#[test]
fn there_is_no_socket_unless_asked_for_and_none_afterwards() {
    let origin = Origin::named("ok");
    let without = Server::balanced(Syntax::Conf, &Balanced::snoop([origin.url()]));
    assert!(!socket(&without).exists());
    let server = server(&[origin.url()]);
    let path = socket(&server);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = path.with_extension("kept");
    fs::hard_link(&path, &copy).unwrap();
    let idle = UnixStream::connect(&path).unwrap();
    server.signal(rustix::process::Signal::TERM);
    let mut server = server;
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(!path.exists(), "the socket is left behind");
    assert!(UnixStream::connect(&copy).is_err(), "somebody still listens");
    drop(idle);
}

#[test]
fn pages_show_hooks_and_modules_and_nothing_else_is_answered() {
    let server = server(&[Origin::named("ok").url()]);
    let socket = socket(&server);
    assert!(ask(&socket, "GET", "/").1.contains("/clusters"));
    assert!(ask(&socket, "GET", "/modules").1.contains(" proxy_lb_module ("));
    assert_eq!(json(&server, "/modules")["modules"][0]["ident"], "proxy_lb_module");
    assert!(ask(&socket, "GET", "/hooks").1.contains(" proxy.load_balance KEYED ("));
    assert!(ask(&socket, "GET", "/nothing").0.starts_with("HTTP/1.1 404"));
    assert!(ask(&socket, "GET", "/hooks?format=xml").0.starts_with("HTTP/1.1 400"));
    for method in ["POST", "PUT", "DELETE", "HEAD"] {
        let (head, _) = ask(&socket, method, "/hooks");
        assert!(head.starts_with("HTTP/1.1 405") && head.to_lowercase().contains("allow: get"), "{head}");
    }
}

#[test]
fn the_graph_of_the_server_is_that_of_its_configuration() {
    let config = Balanced::snoop([Origin::named("ok").url()]).set("AdminSocket", "admin.sock");
    let setup = Setup::new(Syntax::Conf, &config.text(Syntax::Conf));
    let (root, file) = (setup.root().display().to_string(), setup.config().display().to_string());
    let server = setup.start();
    let socket = socket(&server).display().to_string();
    for json in [&[][..], &["--json"]] {
        let graph = |args: &[&str]| run([&["module", "graph"], args, json].concat());
        let (read, live) = (graph(&["-d", &root, "-f", &file]), graph(&["--live", &socket]));
        assert_eq!((read.code, live.code), (Some(0), Some(0)), "{}{}", read.stderr, live.stderr);
        assert_eq!(read.stdout, live.stdout);
        assert!(live.stdout.contains("proxy_lb_module"), "{}", live.stdout);
        if !json.is_empty() {
            let value: Value = serde_json::from_str(&live.stdout).unwrap();
            let hooks = value["hooks"].as_array().unwrap();
            let balance = hooks.iter().find(|hook| hook["name"] == "proxy.load_balance").unwrap();
            assert_eq!(balance["declared"]["kind"], "KEYED");
            assert_eq!(balance["implemented"][0]["module"], "proxy_lb_module");
        }
    }
    let nobody = run(["module", "graph", "--live", &format!("{root}/nobody")]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("AdminSocket"), "{}", nobody.stderr);
}

#[test]
fn clusters_show_what_is_in_flight_and_what_failed() {
    let (refused, holding) = (Refused::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let server = server(&[refused.url(), format!("http://{}", holding.local_addr().unwrap())]);
    let mut client = server.client();
    client.send(b"GET /snoop HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n");
    let (mut held, _) = holding.accept().unwrap();
    until_true("a request in flight", || endpoint(&server, 1)["in_flight"] == 1);
    let failed = endpoint(&server, 0);
    assert_eq!((&failed["total"], &failed["errors"]), (&1.into(), &1.into()), "{failed}");
    assert_eq!(failed["in_flight"], 0);
    assert!(ask(&socket(&server), "GET", "/clusters").1.contains("in flight 1,"));
    held.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    assert_eq!(client.response().text(), "ok");
    until_true("nothing in flight", || endpoint(&server, 1)["in_flight"] == 0);
    assert_eq!(endpoint(&server, 1)["errors"], 0);
}

/// Asks for pages until the server takes no more of it, and reads none; how many bytes it took.
fn stuck(socket: &Path) -> (UnixStream, usize) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_nonblocking(true).unwrap();
    let (mut sent, mut full_since) = (0, None::<Instant>);
    // Full once, it may have room again as soon as the server has read on: only a while without room counts.
    while full_since.is_none_or(|since| since.elapsed() < Duration::from_millis(200)) {
        match stream.write(b"GET /hooks HTTP/1.1\r\nHost: admin\r\n\r\n") {
            Ok(count) => (sent, full_since) = (sent + count, None),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                full_since.get_or_insert_with(Instant::now);
                std::thread::yield_now();
            }
        }
    }
    (stream, sent)
}

#[test]
fn those_who_ask_and_do_not_read_hold_up_nobody() {
    const READERS: usize = 20;
    let origin = Origin::named("ok");
    let mut server = server(&[origin.url()]);
    let socket = socket(&server);
    assert!(ask(&socket, "GET", "/hooks").0.starts_with("HTTP/1.1 200"));
    let before = server.process().memory_kib("VmRSS");
    let (stuck, sent): (Vec<UnixStream>, Vec<usize>) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..READERS).map(|_| scope.spawn(|| stuck(&socket))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).unzip()
    });
    // As much as the system keeps between two ends of a socket, and what the server has read: not all there is.
    assert!(sent.iter().all(|bytes| (1_000..1_000_000).contains(bytes)), "{sent:?}");
    for page in ["/hooks", "/modules", "/clusters?format=json"] {
        assert!(ask(&socket, "GET", page).0.starts_with("HTTP/1.1 200"), "{page}");
        assert_eq!(server.get("/snoop").text(), "ok");
    }
    let grown = server.process().memory_kib("VmRSS").saturating_sub(before);
    assert!(grown < 256 * READERS as u64 || is_sanitized(), "{grown} KiB for {READERS} readers");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    drop(stuck);
}
