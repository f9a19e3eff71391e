//! Places for clients are what is short: MaxConnections, and an origin that takes its time.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use bench_load::drive::percentile;
use bench_load::offer::{self, Came, Offer};
use bench_load::plan::request;

use super::super::{Form, assert_alone};
use super::drive;
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
        stream.write_all(&ok(b"served"))?;
        Ok(Then::Keep)
    });
    let server =
        Server::conf(&format!("Executors 2\nMaxConnections {PLACES}\nProxyPass / {}/\n", origin.url()));
    let capacity = capacity(&server);
    let memory = server.process().memory_kib("VmRSS");
    let (addr, rate) = (server.addr(), 3.0 * capacity);
    let load = offer::run(&Offer { addr, request: request(addr, "/", true, 0), rate, time }).unwrap();
    let recovered = recovery(&server);
    let grown = server.process().memory_kib("VmRSS").saturating_sub(memory);
    let [served, refused, failed] = [Came::Served, Came::Refused, Came::Failed].map(|came| load.count(came));
    // Nobody can be served before the origin has answered once.
    let goodput = load.served_within(time) as f64 / (time - SERVICE).as_secs_f64() / capacity;
    let median = Duration::from_nanos(percentile(&load.latencies(Came::Refused), 0.5));
    figure(format_args!(
        "capacity {capacity:.0}/s, offered three times that for {time:?}: goodput {:.1} % of capacity, {load}; memory \
         +{grown} KiB; normal after {recovered:.1?}",
        100.0 * goodput
    ));
    assert_eq!(failed, 0, "the first of them: {:?}", load.first_failure);
    assert!(refused > 0, "nobody was refused");
    assert_alone(
        refused > served,
        format_args!("{refused} refused, {served} served: the load was no overload"),
    );
    assert_alone(goodput >= 0.9, format_args!("goodput {goodput:.2} of capacity"));
    // The median alone: on a machine that is shared the rest is its scheduler's.
    assert_alone(median <= Duration::from_millis(5), format_args!("{median:?} to be refused"));
    assert_alone(recovered <= Duration::from_secs(1), format_args!("normal only after {recovered:?}"));
}

/// Requests per second, with as many clients as have room, each of whom asks eight times.
fn capacity(server: &Server) -> f64 {
    let count = 8 * PLACES;
    let tally = drive(&format!("addr={} path=/ size=6 connections={PLACES} count={count}", server.addr()));
    f64::from(count) / tally.spent.wall
}

/// How long it takes from now until requests are served again: from then on, ten in a row.
fn recovery(server: &Server) -> Duration {
    let (began, mut recovered, mut row) = (Instant::now(), Duration::ZERO, 0);
    while row < 10 {
        row = if server.get("/").status == 200 { row + 1 } else { 0 };
        recovered = if row == 1 { began.elapsed() } else { recovered };
        assert!(began.elapsed() < Duration::from_secs(20), "it never became normal");
    }
    recovered
}
