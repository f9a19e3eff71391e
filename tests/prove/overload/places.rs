//! Places for clients are what is short: MaxConnections, and an origin that takes its time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::Form;
use crate::support::client::Client;
use crate::support::origin::{Origin, Then, ok};
use crate::support::server::Server;
use crate::support::told::figure;

/// MaxConnections, and how long the origin takes for a request: the capacity is their quotient, on any machine.
const PLACES: u32 = 40;
const SERVICE: Duration = Duration::from_millis(250);

pub(super) fn prove(form: Form) {
    check(form.pick(Duration::from_secs(6), Duration::from_secs(60)));
}

fn check(time: Duration) {
    let origin = Origin::answering(|_, stream| {
        thread::sleep(SERVICE);
        std::io::Write::write_all(stream, &ok(b"served"))?;
        Ok(Then::Keep)
    });
    let server =
        Server::conf(&format!("Executors 2\nMaxConnections {PLACES}\nProxyPass / {}/\n", origin.url()));
    let capacity = capacity(&server, Duration::from_secs(2));
    let memory = server.process().memory_kib("VmRSS");
    let load = offer(&server, 3.0 * capacity, time);
    let (began, mut recovered) = (Instant::now(), None);
    // Ten in a row make it normal.
    let mut row = 0;
    while row < 10 {
        row = if server.get("/").status == 200 { row + 1 } else { 0 };
        recovered = if row == 1 { Some(began.elapsed()) } else { recovered };
        assert!(began.elapsed() < Duration::from_secs(20), "it never became normal");
    }
    let recovered = recovered.unwrap_or_default();
    let grown = server.process().memory_kib("VmRSS").saturating_sub(memory);
    let goodput = f64::from(load.in_time) / (time - SERVICE).as_secs_f64() / capacity;
    let (served, refused) = (&load.served, &load.refused);
    figure(format_args!(
        "capacity {capacity:.0}/s, offered three times that for {time:?}: goodput {:.1} % of capacity, served in \
         {:.1?} (median) {:.1?} (p99); {} refused in {:.1?} (median) {:.1?} (p99); {} failed; memory +{grown} KiB; \
         normal after {recovered:.1?}",
        100.0 * goodput,
        at(served, 50),
        at(served, 99),
        refused.len(),
        at(refused, 50),
        at(refused, 99),
        load.failed
    ));
    assert_eq!(load.failed, 0, "a connection ended without an answer");
    assert!(goodput >= 0.9, "goodput {goodput:.2} of capacity");
    assert!(refused.len() > served.len(), "the load was no overload");
    // The median alone is asserted: on a machine that is shared the rest is its scheduler's.
    assert!(at(refused, 50) <= Duration::from_millis(5), "{:?} to be refused", at(refused, 50));
    assert!(recovered <= Duration::from_secs(1), "normal only after {recovered:?}");
}

/// Requests per second, with as many clients as have room.
fn capacity(server: &Server, time: Duration) -> f64 {
    let (served, end) = (AtomicUsize::new(0), Instant::now() + time);
    thread::scope(|scope| {
        for _ in 0..PLACES {
            scope.spawn(|| {
                let mut client = server.client();
                while Instant::now() < end {
                    client.send_get("/");
                    assert_eq!(client.response().status, 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    f64::from(u32::try_from(served.into_inner()).unwrap()) / time.as_secs_f64()
}

/// How requests went; times from connecting to the end of the answer, in order.
#[derive(Default)]
struct Load {
    served: Vec<Duration>,
    refused: Vec<Duration>,
    failed: usize,
    /// Served while the load lasted, from when the first could be.
    in_time: u32,
}

/// The time that so many percent do not exceed.
fn at(times: &[Duration], percent: usize) -> Duration {
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Requests at a rate that does not depend on how they are answered, each on a connection of its own.
fn offer(server: &Server, rate: f64, time: Duration) -> Load {
    const CLIENTS: usize = 96;
    let (next, began, addr) = (AtomicU64::new(0), Instant::now(), server.addr());
    let load = Mutex::new(Load::default());
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = u32::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
                    let due = Duration::from_secs_f64(f64::from(number) / rate);
                    if due >= time {
                        return;
                    }
                    thread::sleep(due.saturating_sub(began.elapsed()));
                    let asked = Instant::now();
                    let mut client = Client::connect(addr);
                    client.try_send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                    let answer = client.try_response(false);
                    let took = asked.elapsed();
                    let mut load = load.lock().unwrap();
                    match answer.map(|response| (response.status, response.complete)) {
                        Ok((200, true)) => {
                            load.served.push(took);
                            load.in_time += u32::from(began.elapsed() <= time);
                        }
                        Ok((503, true)) => load.refused.push(took),
                        _ => load.failed += 1,
                    }
                }
            });
        }
    });
    let mut load = load.into_inner().unwrap();
    load.served.sort();
    load.refused.sort();
    load
}
