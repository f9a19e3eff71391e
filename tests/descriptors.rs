//! Running out of descriptors: nobody is blamed, nothing spins, clients are told at once, and it ends as soon as there
//! are some again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::config::{Syntax, load_line as load};
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::server::{Server, Setup};
use crate::support::told::figure;
use crate::support::wait::until_true;

/// Connections that say nothing.
fn silent(server: &Server, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(server.addr()).unwrap()).collect()
}

#[test]
fn a_connect_that_lacks_a_descriptor_is_no_failure_of_the_endpoint() {
    let origin = Origin::named("ok");
    let mut server = Server::conf(&format!(
        "Executors 1\nLogLevel info\n{}CounterCluster c {}\nProxyPass /none !\nCounterProxyPass / c\n",
        load("counter_module", &modules::c("tests/modules/counter.c", &[])),
        origin.url()
    ));
    let mut client = server.client();
    client.send_get("/none");
    assert_eq!(client.response().status, 404);
    server.take_descriptors();
    client.send_get("/");
    let refused = client.response();
    assert_eq!((refused.status, refused.field("Retry-After")), (503, Some("1")));
    server.wait_for_log("not its fault");
    assert_eq!(server.log_lines("not its fault").len(), 1, "{}", server.log());
    server.give_descriptors();
    client.send_get("/");
    assert_eq!(client.response().status, 200);
    drop(client);
    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    let counts = log.lines().find(|line| line.contains("counter: begin=")).unwrap();
    assert!(
        counts.contains("begin=2") && counts.contains("failed=0") && counts.contains("drop=2"),
        "{counts}"
    );
}

#[test]
fn accepting_without_descriptors_does_not_spin_and_goes_on_afterwards() {
    let origin = Origin::named("ok");
    let mut server = Server::conf(&format!("Executors 1\nProxyPass / {}/\n", origin.url()));
    assert_eq!(server.get("/").status, 200);
    server.freeze_descriptors();
    let mut waiting = Vec::new();
    until_true("accepting to fail", || {
        waiting.extend(silent(&server, 20));
        !server.log_lines("cannot accept").is_empty()
    });
    let (began, before) = (Instant::now(), server.processor_time());
    let mut answers = 0;
    while began.elapsed() < Duration::from_secs(2) {
        let asked = Instant::now();
        let response = server.get("/");
        assert!(matches!(response.status, 200 | 503), "{}", response.head);
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        answers += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    let spent = server.processor_time() - before;
    server.give_descriptors();
    let given = Instant::now();
    until_true("a request is served again", || server.get("/").status == 200);
    let recovered = given.elapsed();
    figure(format_args!(
        "no descriptors for {:.1?}: {spent:?} of processor time, {answers} clients told; served {recovered:.1?} after",
        began.elapsed()
    ));
    assert!(spent <= Duration::from_millis(100), "{spent:?} in two seconds are more than 5 %");
    assert!(recovered <= Duration::from_secs(1), "{recovered:?}");
    assert!(server.log_lines("cannot accept").len() == 1, "{}", server.log());
    assert!(server.is_running());
}

#[test]
fn few_descriptors_are_shared_so_that_those_who_are_let_in_are_served() {
    let origin = Origin::named("ok");
    let server = Setup::new(Syntax::Conf, &format!("Executors 1\nProxyPass / {}/\n", origin.url()))
        .open_files(64)
        .start();
    let silent = silent(&server, 60);
    let (mut served, mut refused) = (0, 0);
    // Idle clients make room for those that ask.
    until_true("20 served", || {
        let response = server.get("/");
        match response.status {
            200 => served += 1,
            503 => refused += 1,
            status => panic!("{status}"),
        }
        served >= 20
    });
    figure(format_args!("64 files, 60 silent clients: {served} served, {refused} told to come again"));
    for event in ["fd_limit", "connect_failed", "cannot accept"] {
        assert!(server.log_lines(event).is_empty(), "{}", server.log());
    }
    drop(silent);
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn more_connections_than_files_bear_are_cut_down_with_a_warning() {
    let server =
        Setup::new(Syntax::Conf, "Executors 1\nMaxConnections 1000\nProxyPass / http://127.0.0.1:1\n")
            .open_files(64)
            .start();
    let log = server.log();
    assert!(log.contains("MaxConnections 1000 is more than 64 open files bear: it is "), "{log}");
}

#[test]
fn beyond_max_connections_the_answer_is_a_503_with_its_request_unread() {
    let origin = Origin::named("ok");
    let mut server =
        Server::conf(&format!("Executors 1\nMaxConnections 2\nProxyPass / {}/\nTimeout 20\n", origin.url()));
    // In the middle of their requests, they do not make room for anybody.
    let mut busy: Vec<Client> = (0..2).map(|_| server.client()).collect();
    for client in &mut busy {
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha");
    }
    until_true("both at the origin", || origin.conns() == 2);
    for _ in 0..3 {
        let mut late = server.client();
        // It may be gone before all of this is sent; the answer is there all the same.
        late.try_send(&[b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec(), vec![b'x'; 3000]].concat());
        let response = late.response();
        assert_eq!((response.status, response.field("Retry-After")), (503, Some("1")));
        assert_eq!(response.field("Connection"), Some("close"));
        assert_eq!(response.text(), "503 Service Unavailable: the server has too many connections");
    }
    // The answer may be here before the line is.
    server.wait_for_log("refused with 503");
    assert_eq!(server.log_lines("refused with 503").len(), 1, "{}", server.log());
    for mut client in busy {
        client.send(b"lf");
        assert_eq!(client.response().status, 200);
    }
    until_true("there is room again", || server.get("/").status == 200);
}

#[test]
fn a_client_that_idles_makes_room() {
    let origin = Origin::named("ok");
    let server = Server::conf(&format!("Executors 1\nMaxConnections 1\nProxyPass / {}/\n", origin.url()));
    let mut idle = server.client();
    idle.send_get("/");
    assert_eq!(idle.response().status, 200);
    let began = Instant::now();
    until_true("another is served", || server.get("/").status == 200);
    assert!(began.elapsed() < Duration::from_secs(2), "it waited for KeepAliveTimeout");
    let mut byte = [0];
    assert_eq!(idle.stream().read(&mut byte).unwrap_or(0), 0, "it was ended");
    drop(idle.stream().write(b""));
}
