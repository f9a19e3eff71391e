//! Bodies that go past the server's memory, through pipes: they come whole or are seen to be cut, whoever pauses,
//! leaves or dies, and the pipes are few and go from one to the next with nothing in them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::support::chance::{Chance, seed};
use crate::support::client::Client;
use crate::support::config::Syntax;
use crate::support::origin::{Origin, Seen, Then};
use crate::support::server::{Server, Setup};
use crate::support::told::figure;
use crate::support::wait::until_true;

const MIB: usize = 1 << 20;

/// The first bytes of those that tell where they stand.
fn body(length: usize) -> &'static [u8] {
    static LONGEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bytes = vec![0; 64 * MIB];
        for (number, word) in bytes.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        }
        bytes
    });
    &LONGEST[..length]
}

/// Writes in pieces of any size, with pauses.
fn write_at_random(stream: &mut TcpStream, bytes: &[u8], chance: &mut Chance) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(1 + chance.below(700_000) as usize));
        stream.write_all(piece)?;
        rest = after;
        thread::sleep(Duration::from_micros(chance.below(1500)));
    }
    Ok(())
}

/// Answers `/LENGTH` with so many bytes, `/LENGTH/HOW` in a way of its own: `chunked`, `paused`, and what is announced
/// and breaks off after three quarters: `closed`, `reset`, `hung`.
fn origin() -> Origin {
    Origin::answering(|seen, stream| {
        let (length, how) = asked(seen);
        let bytes = body(length);
        let most = length / 4 * 3;
        let framing = if how == "chunked" {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {length}")
        };
        write!(stream, "HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")?;
        if seen.method() == "HEAD" {
            return Ok(Then::Keep);
        }
        match how {
            "chunked" => {
                for chunk in bytes.chunks(100_000) {
                    write!(stream, "{:x}\r\n", chunk.len())?;
                    stream.write_all(&[chunk, b"\r\n"].concat())?;
                }
                stream.write_all(b"0\r\n\r\n")?;
            }
            "paused" => write_at_random(stream, bytes, &mut Chance::new(seed(), length))?,
            "closed" | "reset" | "hung" => stream.write_all(&bytes[..most])?,
            _ => stream.write_all(bytes)?,
        }
        Ok(match how {
            "closed" => Then::Close,
            "reset" => Then::Reset,
            "hung" => Then::Hang,
            _ => Then::Keep,
        })
    })
}

fn asked(seen: &Seen) -> (usize, &str) {
    let target = &seen.target()[1..];
    let (length, how) = target.split_once('/').unwrap_or((target, ""));
    (length.parse().unwrap(), how)
}

fn server(origin: &Origin, lines: &str) -> Server {
    // As many files as bear eight pipes.
    let text = format!("Executors 1\n{lines}\nProxyPass / {}/\n", origin.url());
    Setup::new(Syntax::Conf, &text).open_files(1024).start()
}

/// The pipes that a server has open, those of its output included.
fn pipes(server: &Server) -> BTreeSet<String> {
    let files = fs::read_dir(format!("/proc/{}/fd", server.process().pid())).unwrap();
    let names = files.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
    names.map(|name| name.display().to_string()).filter(|name| name.starts_with("pipe:")).collect()
}

/// A client that the server has seen to read a long body.
fn reader(server: &Server) -> Client {
    let mut client = server.client();
    get(&mut client, MIB, "");
    client
}

fn get(client: &mut Client, length: usize, how: &str) {
    client.send_get(&format!("/{length}/{how}"));
    let response = client.response();
    assert!(response.complete, "{length} {how}: {:?} after {}", response.broken, response.body.len());
    assert!(response.body == body(length), "{length} {how}: other bytes, {} of them", response.body.len());
}

/// Reads a head and `length` bytes of the body behind it.
fn begin(client: &mut Client, target: &str, length: usize) {
    client.send_get(target);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(client.bytes(1));
    }
    assert!(client.bytes(length) == body(length), "{target}: other bytes at its beginning");
}

#[test]
fn bodies_of_all_lengths_come_whole_over_one_connection() {
    let origin = origin();
    let server = server(&origin, "");
    let before = pipes(&server);
    let mut client = reader(&server);
    assert_eq!(pipes(&server).len(), before.len() + 1, "the body went through a pipe");
    // Around where a window is full, where the rest is worth a pipe, and where a pipe is full.
    for middle in [32 << 10, 64 << 10, 96 << 10, 256 << 10, 512 << 10, 544 << 10, MIB] {
        for length in (middle - 130..middle + 3).step_by(19).chain([middle, middle + 1]) {
            get(&mut client, length, "");
        }
        client.send(format!("HEAD /{middle} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let head = client.response_to_head();
        assert_eq!(head.field("Content-Length"), Some(&*middle.to_string()));
        get(&mut client, middle, "chunked");
        get(&mut client, 1, "");
    }
    assert_eq!((origin.conns(), pipes(&server).len()), (1, before.len() + 1), "both are used again");
}

#[test]
fn long_bodies_come_whole_whoever_pauses() {
    let origin = origin();
    let server = server(&origin, "");
    let (addr, seed) = (server.addr(), seed());
    thread::scope(|scope| {
        for number in 0..6 {
            scope.spawn(move || {
                let mut chance = Chance::new(seed, number);
                let mut client = Client::connect(addr);
                let lengths = (0..6).map(|_| MIB + chance.below(4 << 20) as usize).collect::<Vec<_>>();
                // One of them very long.
                for length in lengths.into_iter().chain((number == 0).then_some(64 * MIB)) {
                    client.send_get(&format!("/{length}/paused"));
                    let expected = body(length);
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.extend(client.bytes(1));
                    }
                    let mut at = 0;
                    while at < length {
                        let count = (length - at).min(1 + chance.below(600_000) as usize);
                        let same = client.bytes(count) == expected[at..at + count];
                        assert!(same, "PROXYD_TESTS_SEED={seed}: within {count} bytes at {at} of {length}");
                        at += count;
                        thread::sleep(Duration::from_micros(chance.below(1500)));
                    }
                }
            });
        }
    });
    assert!(origin.conns() <= 6, "{}", origin.conns());
}

#[test]
fn long_requests_come_whole() {
    let origin = origin();
    let server = server(&origin, "");
    let before = pipes(&server).len();
    let mut client = server.client();
    let mut chance = Chance::new(seed(), 0);
    for length in [5 * MIB, 300_000, 96 << 10, MIB, 8 * MIB + 1] {
        let bytes = body(length);
        client.send(format!("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").as_bytes());
        write_at_random(&mut client.stream().try_clone().unwrap(), bytes, &mut chance).unwrap();
        assert_eq!(client.response().body, body(2));
        assert!(origin.requests().pop().unwrap().body == bytes, "{length}");
    }
    assert_eq!((origin.conns(), pipes(&server).len()), (1, before + 1));
}

#[test]
fn an_endpoint_that_dies_within_a_long_body_is_seen() {
    let origin = origin();
    let server = server(&origin, "ProxyTimeout 1\nLogLevel error");
    for (how, length) in ["closed", "reset", "hung"].into_iter().flat_map(|how| [(how, MIB), (how, 6 * MIB)])
    {
        let mut client = reader(&server);
        client.send_get(&format!("/{length}/{how}"));
        let response = client.try_response(false).unwrap();
        assert_eq!(response.broken, Some(ErrorKind::ConnectionReset), "{how}");
        assert!(body(length).starts_with(&response.body), "{how}: other bytes");
    }
    get(&mut reader(&server), 3 * MIB, "");
    until_true("what was broken off is closed", || origin.open() <= 1);
}

#[test]
fn a_client_that_leaves_within_a_long_body_is_noticed_at_once() {
    let origin = origin();
    let server = server(&origin, "");
    // The endpoint has more to send, and it has not.
    for how in ["", "hung"] {
        let mut client = reader(&server);
        until_true("one connection to the endpoint", || origin.open() == 1);
        begin(&mut client, &format!("/{}/{how}", 64 * MIB), 2 * MIB);
        let left = Instant::now();
        client.reset();
        until_true("its connection to the endpoint is closed", || origin.open() == 0);
        let elapsed = left.elapsed();
        figure(format_args!("a client leaves within a long body ({how}): closed after {elapsed:.1?}"));
        assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    }
    get(&mut reader(&server), MIB, "");
}

#[test]
fn a_reader_that_stalls_within_a_long_body_is_cut() {
    let origin = origin();
    let server = server(&origin, "ResponseWriteTimeout 2");
    let mut client = reader(&server);
    begin(&mut client, &format!("/{}", 64 * MIB), 2 * MIB);
    let began = Instant::now();
    until_true("the endpoint is let go", || origin.open() == 0);
    let elapsed = began.elapsed();
    assert!((Duration::from_millis(1500)..Duration::from_secs(4)).contains(&elapsed), "{elapsed:?}");
    let rest = client.rest();
    assert!(rest.len() < 62 * MIB && body(64 * MIB)[2 * MIB..].starts_with(&rest), "{}", rest.len());
    assert_eq!(client.stream().read(&mut [0]).map_err(|error| error.kind()).unwrap_or(0), 0);
    get(&mut reader(&server), MIB, "");
}

#[test]
fn there_are_no_more_pipes_than_files_bear() {
    let origin = origin();
    let server = server(&origin, "KeepAliveTimeout 60");
    let before = pipes(&server).len();
    let length = 12 * MIB;
    let mut clients: Vec<Client> = (0..24).map(|_| reader(&server)).collect();
    for client in &mut clients {
        SockRef::from(client.stream()).set_recv_buffer_size(64 << 10).unwrap();
        begin(client, &format!("/{length}"), MIB);
    }
    let most = pipes(&server).len() - before;
    assert!((1..=8).contains(&most), "{most} pipes of 24 clients that do not read");
    let expected = body(length);
    for client in clients.iter_mut().take(12) {
        assert!(client.bytes(length - MIB) == expected[MIB..], "other bytes");
    }
    drop(clients);
    until_true("those that left are gone", || origin.open() <= 12);
    get(&mut reader(&server), 3 * MIB, "");
    let most = pipes(&server).len() - before;
    assert!((1..=8).contains(&most), "{most} pipes afterwards");
}

#[test]
fn without_a_descriptor_for_a_pipe_a_long_body_goes_through_memory() {
    let origin = origin();
    let server = Server::conf(&format!("Executors 1\nProxyPass / {}/\n", origin.url()));
    let before = pipes(&server).len();
    let mut client = server.client();
    get(&mut client, 1, "");
    server.take_descriptors();
    for _ in 0..3 {
        get(&mut client, 8 * MIB, "");
    }
    assert_eq!(pipes(&server).len(), before);
    server.give_descriptors();
    get(&mut client, 8 * MIB, "");
    assert_eq!((pipes(&server).len(), origin.conns()), (before + 1, 1));
}
