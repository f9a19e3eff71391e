//! `proxyd module run FILE`: toy origins, the server with the balancer in front of them, and one line for each
//! request: who was asked, what it answered, in how many nanoseconds, and who served the request in the server.
//!
//! The timed answers are those of a second instance in the same process, which is asked the same without sockets. So
//! nothing but the way through the hook is in the time; but a balancer that draws at random draws anew in each.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use proxy_abi::{Fields, Outcome, OutcomeResult, Request, RequestParts};
use proxy_core::caller::Caller;
use proxy_core::conf::ProxySettings;
use proxy_core::generation::Generation;

use super::check::{NoFields, Subject, absolute, build, ident};
use crate::command_line::Options;
use crate::demo::client;
use crate::demo::origin::Origin;
use crate::output::{self, Messages};
use crate::running::Running;
use crate::{Ended, demo, server};

/// What is run.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The module's file
    pub(crate) file: PathBuf,
    /// Which module, where the file holds several
    #[arg(long)]
    pub(crate) ident: Option<String>,
    /// Toy origins behind it
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=26))]
    pub(crate) endpoints: u32,
    /// End after so many requests, instead of at Ctrl-C
    #[arg(long, value_name = "N")]
    pub(crate) requests: Option<u64>,
    /// Line of configuration for the module
    #[arg(long, value_name = "DIRECTIVE")]
    pub(crate) config: Vec<String>,
}

/// Time between requests while nobody said how many.
const PACE: Duration = Duration::from_millis(300);

/// Runs it.
pub(crate) fn run(run: &Run) -> Ended {
    match shown(run) {
        Ok(ended) => ended,
        Err(text) => {
            Messages::Stderr.say(format_args!("proxyd: {text}"));
            Ended::NotStarted
        }
    }
}

fn shown(run: &Run) -> Result<Ended, String> {
    let file = absolute(&run.file)?;
    let ident = ident(&file, run.ident.as_deref())?;
    let subject = Subject { file, ident, config: run.config.clone() };
    // Ended last: requests are answered until the server has stopped.
    let origins = (1..=run.endpoints).map(Origin::start).collect::<Result<Vec<_>, _>>()?;
    let addrs: Vec<SocketAddr> = origins.iter().map(Origin::addr).collect();
    let shadow = build(&subject, &balanced(&subject, &addrs), None)?.0;
    let (running, addr, _directory) = serve(&subject, &addrs)?;
    introduce(&subject, &addrs, addr);
    let picks = Picks { ident: subject.ident, shadow, caller: Caller::new(0), addr };
    match run.requests {
        Some(requests) => {
            let shown = (1..=requests).try_for_each(|number| picks.show(number));
            let is_clean = running.stop();
            shown?;
            Ok(if is_clean { Ended::Well } else { Ended::Unclean })
        }
        None => until_interrupted(picks, running),
    }
}

fn until_interrupted(picks: Picks, running: Running) -> Result<Ended, String> {
    let is_over = Arc::new(AtomicBool::new(false));
    let is_over_there = Arc::clone(&is_over);
    let requests = thread::spawn(move || {
        for number in 1.. {
            if is_over_there.load(Relaxed) || picks.show(number).is_err() {
                break;
            }
            thread::sleep(PACE);
        }
    });
    let ended = demo::wait(running);
    is_over.store(true, Relaxed);
    // A panic of it was told by the panic hook.
    let _ = requests.join();
    ended
}

/// The lines that hand a cluster of these endpoints to the module.
fn balanced(subject: &Subject, addrs: &[SocketAddr]) -> String {
    let mut text = String::from("<Proxy balancer://run>\n");
    for addr in addrs {
        let _ = writeln!(text, "BalancerMember http://{addr}");
    }
    let _ = write!(
        text,
        "</Proxy>\nLBMethod run {}\nLBHashKey run uri\nProxyPass / balancer://run\n",
        subject.ident
    );
    text
}

/// Starts the server; its configuration lies in the directory.
fn serve(
    subject: &Subject,
    addrs: &[SocketAddr],
) -> Result<(Running, SocketAddr, tempfile::TempDir), String> {
    let directory = tempfile::Builder::new().prefix("proxyd-run-").tempdir();
    let directory = directory.map_err(|error| format!("no temporary directory: {error}"))?;
    let config = directory.path().join("proxyd.conf");
    let text = format!(
        "Listen 127.0.0.1:0\nErrorLog \"{}\"\nLoadModule {} \"{}\"\n{}\n{}",
        directory.path().join("error_log").display(),
        subject.ident,
        subject.file.display(),
        subject.config.join("\n"),
        balanced(subject, addrs)
    );
    std::fs::write(&config, text)
        .map_err(|error| format!("{} cannot be written: {error}", config.display()))?;
    // One executor, as the second instance has.
    let options =
        Options { config: Some(config), defines: vec!["ONE_PROCESS".to_owned()], ..Options::default() };
    let refused = |_| "the server did not start, for the reasons above".to_owned();
    let prepared = server::prepare(&options, &Messages::Stderr).map_err(refused)?;
    let addr = prepared.addr().ok_or("the server listens nowhere")?;
    let running = prepared.start(&Messages::Stderr).map_err(refused)?;
    Ok((running, addr, directory))
}

fn introduce(subject: &Subject, addrs: &[SocketAddr], addr: SocketAddr) {
    output::result(format_args!("{} at http://{addr}, in front of\n", subject.ident));
    for (letter, addr) in ('a'..).zip(addrs) {
        output::result(format_args!("  {letter}  http://{addr}\n"));
    }
    output::result("\n");
}

/// Makes requests and shows what the module makes of them.
struct Picks {
    ident: String,
    shadow: Generation,
    caller: Caller,
    addr: SocketAddr,
}

impl Picks {
    fn show(&self, number: u64) -> Result<(), String> {
        let target = format!("/{number}");
        let picked = self.pick(number, target.as_bytes())?;
        let served = match client::get(self.addr, &target) {
            Ok(answer) => match answer.origin.and_then(|origin| char::from_u32('a' as u32 + origin - 1)) {
                Some(letter) => format!("the server took {letter}, {}", answer.status),
                None => format!("the server answered {}", answer.status),
            },
            Err(text) => text,
        };
        output::result(format_args!("{number:>4}  GET {target}  {}: {picked}; {served}\n", self.ident));
        Ok(())
    }

    /// The module's answer and its time, in words.
    fn pick(&self, number: u64, target: &[u8]) -> Result<String, String> {
        let routed = self.shadow.servers().route(([127, 0, 0, 1], 80).into(), None, target);
        let route = routed.route.ok_or("no route leads to the cluster")?;
        let settings = ProxySettings::default();
        let parts = RequestParts {
            version: 11,
            id: number,
            method: b"GET",
            authority: b"run.example",
            path: target,
            query: b"",
            unparsed_uri: target,
            client: b"127.0.0.1",
        };
        let request = Request::new(&parts, Fields::new(&NoFields));
        let started = Instant::now();
        let mut trylist = self.shadow.trylist(&self.caller, route, &settings, &request);
        let endpoint = trylist.next();
        let took = started.elapsed().as_nanos();
        trylist.finish(Outcome::of(OutcomeResult::OK));
        Ok(match (endpoint, trylist.why_ended()) {
            (Some(endpoint), _) => {
                let letter = char::from_u32('a' as u32 + endpoint.index).unwrap_or('?');
                format!("{letter} {} in {took} ns", endpoint.addr)
            }
            (None, why) => format!("nobody ({why:?}) in {took} ns"),
        })
    }
}
