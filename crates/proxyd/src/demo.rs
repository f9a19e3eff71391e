//! `proxyd demo`: the whole thing at work in one process. Three origins, the configuration of 2003, requests, and
//! an origin that stops in the middle of them. Nothing to configure or install.

pub(crate) mod client;
mod load;
pub(crate) mod origin;
mod place;

use std::net::SocketAddr;
use std::time::Duration;

use client::Answer;
use origin::Origin;
use place::Place;

use crate::command_line::Options;
use crate::launch::Launch;
use crate::output::{self, Messages};
use crate::running::Running;
use crate::service::{Notifier, Pulse};
use crate::signals::Signals;
use crate::{Ended, server};

/// How many requests run while an origin stops.
const UNDER_LOAD: usize = 300;

/// Runs the demo; with `keep` it goes on until interrupted.
pub(crate) fn run(keep: bool) -> Ended {
    match shown(keep) {
        Ok(ended) => ended,
        Err(text) => {
            Messages::Stderr.say(format_args!("proxyd demo: {text}"));
            Ended::NotStarted
        }
    }
}

fn shown(keep: bool) -> Result<Ended, String> {
    let mut origins = (1..=3).map(Origin::start).collect::<Result<Vec<_>, _>>()?;
    let addrs: Vec<SocketAddr> = origins.iter().map(Origin::addr).collect();
    let place = Place::make(&addrs)?;
    let (running, addr) = start(&place)?;
    introduce(&place, &addrs, addr);
    let shown = show(addr, &addrs, &mut origins);
    if let Err(text) = shown {
        running.stop();
        return Err(text);
    }
    conclude(&place, addr, keep);
    if keep { wait(running) } else { Ok(end(running)) }
}

fn start(place: &Place) -> Result<(Running, SocketAddr), String> {
    let options = Options {
        root: Some(place.server_root.clone()),
        config: Some(place.config.clone()),
        ..Options::default()
    };
    let refused = |_| "the server did not start, for the reasons above".to_owned();
    let prepared = server::prepare(&options, &Messages::Stderr, &mut Launch::default()).map_err(refused)?;
    let addr = prepared.addr().ok_or("the server listens nowhere")?;
    let running = prepared.start(&Messages::Stderr).map_err(refused)?;
    Ok((running, addr))
}

fn introduce(place: &Place, addrs: &[SocketAddr], addr: SocketAddr) {
    output::result("Three origins, and proxyd in front of them:\n\n");
    for (number, addr) in (1..).zip(addrs) {
        output::result(format_args!("  origin {number}  http://{addr}\n"));
    }
    output::result(format_args!("  proxyd    http://{addr}, balanced by {}\n\n", place.balancer));
}

/// Sends requests; an error if any of them fails.
fn show(addr: SocketAddr, addrs: &[SocketAddr], origins: &mut [Origin]) -> Result<(), String> {
    output::result("Requests go to the servers in the order in which they are configured:\n\n");
    send_some(addr, addrs, 6)?;
    output::result(format_args!("\nOrigin 2 stops while {UNDER_LOAD} requests run:\n\n"));
    let load = load::start(addr, UNDER_LOAD);
    load.wait_for(UNDER_LOAD / 3);
    origins[1].stop();
    let answers = load.finish();
    let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    let answered =
        |number: u32| answers.iter().flatten().filter(|answer| answer.origin == Some(number)).count();
    output::result(format_args!(
        "  {} sent, {} answered with 200",
        answers.len(),
        answers.len() - failed.len()
    ));
    if let Some(first) = failed.first() {
        output::result("\n");
        return Err(format!("{} requests failed; the first: {first}", failed.len()));
    }
    output::result(format_args!(
        ", none failed\n  origin 1 answered {}, origin 2 {} until it stopped, origin 3 {}\n",
        answered(1),
        answered(2),
        answered(3)
    ));
    output::result("\nIt stays away; its turn goes to the next one:\n\n");
    send_some(addr, addrs, 3)
}

fn send_some(addr: SocketAddr, addrs: &[SocketAddr], count: usize) -> Result<(), String> {
    for _ in 0..count {
        let Answer { status, origin } = client::get(addr, "/snoop")?;
        let who = match origin.and_then(|number| Some((number, addrs.get(number as usize - 1)?))) {
            Some((number, addr)) => format!("origin {number} ({addr})"),
            None => "nobody".to_owned(),
        };
        output::result(format_args!("  GET /snoop \u{2192} {who} {status}\n"));
    }
    Ok(())
}

fn conclude(place: &Place, addr: SocketAddr, keep: bool) {
    output::result("\nThe configuration:\n\n");
    for line in place.text.lines() {
        output::result(format_args!("{}\n", format!("  {line}").trim_end()));
    }
    output::result("\nNext:\n\n");
    if keep {
        output::result(format_args!(
            "  curl http://{addr}/snoop\n  curl -i http://{addr}/file500.html\n  cat {}\n  cat {}\n\n\
             Ctrl-C ends it.\n",
            place.access_log.display(),
            place.error_log.display()
        ));
    } else {
        let (program, root) = (place.program.display(), place.server_root.display());
        output::result(format_args!("  {program} demo --keep\n"));
        if place.has_own_config() {
            output::result(format_args!("  {program} -d {root} -t -D DUMP_HOOKS\n  {program} -d {root}\n"));
        } else {
            output::result(format_args!("  {program} -L\n"));
        }
    }
}

fn end(running: Running) -> Ended {
    if running.stop() { Ended::Well } else { Ended::Unclean }
}

/// Serves until a signal says otherwise.
///
/// # Errors
/// If signals cannot be received.
pub(crate) fn wait(mut running: Running) -> Result<Ended, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime for signals: {error}"))?;
    let followed = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let mut pulse = Pulse::new(Notifier::default());
        Ok::<_, std::io::Error>(signals.follow(&mut running, Some(Duration::from_secs(5)), &mut pulse).await)
    });
    running.end();
    followed.map_err(|error| format!("signals cannot be received: {error}"))
}
