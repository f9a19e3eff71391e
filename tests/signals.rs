//! What signals do to a server that has requests in hand.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::origin::Origin;
use crate::support::server::Server;
use crate::support::wait::until_true;

/// Waits until nobody listens any more; a port that is open and not accepted at takes some thousand connections before
/// it does not answer either.
fn wait_until_closed(server: &Server) {
    let mut attempts = 0;
    until_true("the port to be closed", || {
        attempts += 1;
        assert!(attempts < 1000, "it is still open");
        TcpStream::connect_timeout(&server.addr(), Duration::from_secs(1)).is_err()
    });
}

#[test]
fn term_waits_for_a_request_in_hand_and_exits_0() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let (origin, tell) = Origin::waiting();
        let mut server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
        let mut client = server.client();
        client.send_get("/");
        origin.wait_for_requests(1);
        server.signal(signal);
        wait_until_closed(&server);
        assert!(server.is_running(), "{signal:?}: a request is in hand");
        tell.send(()).unwrap();
        let response = client.response();
        assert_eq!((response.text().as_str(), response.complete), ("at last", true), "{signal:?}");
        assert!(client.is_closed(), "{signal:?}: the connection has served its last request");
        assert_eq!(server.wait().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn term_ends_idle_connections_at_once() {
    let origin = Origin::named("ok");
    let mut server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send_get("/");
    assert_eq!(client.response().text(), "ok");
    server.signal(Signal::TERM);
    assert!(client.is_closed());
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_second_term_cuts_and_exits_3() {
    let (origin, _tell) = Origin::waiting();
    let mut server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send_get("/");
    origin.wait_for_requests(1);
    server.signal(Signal::TERM);
    server.wait_for_log("TERM: stopping, requests have");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(3));
    assert!(client.try_response(false).is_err_and(|error| error.kind() != std::io::ErrorKind::TimedOut));
}

#[test]
fn requests_that_do_not_end_are_cut_after_the_graceful_shutdown_timeout() {
    let (origin, _tell) = Origin::waiting();
    let mut server =
        Server::conf(&format!("GracefulShutdownTimeout 1\nProxyTimeout 60\nProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send_get("/");
    origin.wait_for_requests(1);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(3));
}

#[test]
fn hup_and_usr1_reload_and_serving_goes_on() {
    let origin = Origin::named("ok");
    let mut server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    for (signal, name, number) in [(Signal::HUP, "HUP", 2), (Signal::USR1, "USR1", 3)] {
        server.signal(signal);
        server.wait_for_log(&format!("{name}: reloading"));
        server.wait_for_log(&format!("generation {number} is in force"));
        assert_eq!(server.get("/").text(), "ok");
    }
    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_server_that_is_about_to_end_reloads_nothing() {
    let (origin, tell) = Origin::waiting();
    let mut server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send_get("/");
    origin.wait_for_requests(1);
    server.signal(Signal::TERM);
    server.wait_for_log("TERM: stopping");
    server.signal(Signal::HUP);
    server.wait_for_log("HUP: the server is about to end, nothing is reloaded");
    tell.send(()).unwrap();
    assert_eq!(client.response().text(), "at last");
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log_lines("is in force").is_empty(), "{}", server.log());
}

#[test]
fn winch_and_pipe_do_nothing() {
    let origin = Origin::named("ok");
    let server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    server.signal(Signal::WINCH);
    server.signal(Signal::PIPE);
    assert_eq!(server.get("/").text(), "ok");
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn usr2_and_alrm_end_nothing_and_say_so() {
    let origin = Origin::named("ok");
    let mut server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    for (signal, name, said) in [
        (Signal::USR2, "USR2", "reserved for handing the sockets to a new program"),
        (Signal::ALARM, "ALRM", "nothing is done on this signal"),
    ] {
        server.signal(signal);
        let line = server.wait_for_log(&format!("{name}: "));
        assert!(line.contains(said), "{line}");
    }
    server.signal(Signal::XFSZ);
    assert_eq!(server.get("/").text(), "ok");
    assert_eq!(server.stop().0.code(), Some(0));
}
