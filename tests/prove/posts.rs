//! A POST runs at most once, though endpoints close and reset the connections that it is sent on: a ledger counts
//! how often each came to an endpoint.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::{Form, Progress, in_both_forms};
use crate::support::chance::{Chance, requests, seed};
use crate::support::client::Client;
use crate::support::config::{Balanced, Syntax};
use crate::support::origin::{Origin, read_head};
use crate::support::server::Server;
use crate::support::told::figure;

in_both_forms!(prove, "takes minutes; run by cargo xtask prove posts --long");

const CLIENTS: usize = 32;

const BODY: &[u8] = b"sixteen bytes in";

/// How often each request came to an endpoint, by its number.
type Ledger = Arc<[AtomicU8]>;

fn origin(seed: u64, came: &Ledger) -> Origin {
    let came = Arc::clone(came);
    Origin::conversing(move |conn, mut stream, _| {
        let mut chance = Chance::new(seed, conn);
        let mut head = Vec::new();
        loop {
            // Now and then the connection ends with the request unread, or while the next one is on its way.
            if chance.below(50) == 0 {
                if chance.below(2) == 0 {
                    stream.peek(&mut [0])?;
                }
                return Ok(());
            }
            head.clear();
            read_head(&mut stream, &mut head)?;
            let number = number(&head).ok_or(io::ErrorKind::InvalidData)?;
            came[number].fetch_add(1, Relaxed);
            stream.read_exact(&mut [0; BODY.len()])?;
            if !answer(&mut stream, chance.below(20))? {
                return Ok(());
            }
        }
    })
}

/// That of `POST /snoop/NUMBER HTTP/1.1`.
fn number(head: &[u8]) -> Option<usize> {
    let line = head.split(|byte| *byte == b' ').nth(1)?;
    std::str::from_utf8(line.strip_prefix(b"/snoop/")?).ok()?.parse().ok()
}

/// Whether the connection goes on.
fn answer(stream: &mut TcpStream, fault: u64) -> io::Result<bool> {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    match fault {
        0 => Ok(false),
        1 => SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).map(|()| false),
        2 => stream.write_all(&answer[..9]).map(|()| false),
        3 => stream.write_all(answer).map(|()| false),
        4 => {
            stream.write_all(answer)?;
            SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).map(|()| false)
        }
        _ => stream.write_all(answer).map(|()| true),
    }
}

/// Sends POSTs one after the other, none of them twice; how many were answered by the endpoint, and that each of those
/// came to one.
fn client(addr: SocketAddr, made: &AtomicUsize, came: &[AtomicU8]) -> usize {
    let mut client = Client::connect(addr);
    let mut answered = 0;
    loop {
        let number = made.fetch_add(1, Relaxed);
        if number >= came.len() {
            return answered;
        }
        client.send_post(&format!("/snoop/{number}"), BODY);
        let response = client.response();
        match response.status {
            200 => {
                assert_eq!(came[number].load(Relaxed), 1, "POST {number} is answered");
                answered += 1;
            }
            status => assert_eq!(status, 502, "{}", response.head),
        }
        if !response.complete || response.field("Connection") == Some("close") {
            client = Client::connect(addr);
        }
    }
}

fn prove(form: Form) {
    let (seed, all) = (seed(), form.pick(10_000, requests(1_000_000)));
    let came: Ledger = (0..all).map(|_| AtomicU8::new(0)).collect();
    let origins: Vec<Origin> = (0..2).map(|number| origin(seed ^ (number << 40), &came)).collect();
    let config =
        Balanced::snoop(origins.iter().map(Origin::url)).set("Executors", "2").set("LogLevel", "crit");
    let server = Server::balanced(Syntax::Conf, &config);
    let (addr, made, mut progress) = (server.addr(), AtomicUsize::new(0), Progress::new());
    let answered: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| client(addr, &made, &came))).collect();
        let is_done = || clients.iter().all(|client| client.is_finished());
        progress.tell_until(is_done, || format!("{} POSTs", made.load(Relaxed)));
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    let took = progress.began.elapsed().as_secs_f64();
    let of = |times: fn(u8) -> bool| came.iter().filter(|count| times(count.load(Relaxed))).count();
    let (never, once, more) = (of(|times| times == 0), of(|times| times == 1), of(|times| times > 1));
    let conns: usize = origins.iter().map(Origin::conns).sum();
    figure(format_args!(
        "{all} POSTs over {conns} connections to endpoints in {took:.1} s, seed {seed}: {answered} answered 200, \
         the others 502; {once} came to an endpoint once, {never} never, {more} more than once"
    ));
    assert_eq!(more, 0, "PROXYD_TESTS_SEED={seed}: duplicates");
    assert!(answered > all / 2 && conns < all / 2, "{answered} answered over {conns} connections");
}
