//! `proxyd module run FILE`: toy origins, the server with the balancer in front of them, and one line for each
//! request: who was asked, what it answered, in how many nanoseconds, and who served the request.
//!
//! The answers are the server's own, looked at as `module trace` does. The time is that of `load_balance` and of each
//! `next` up to the answer.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use clap::Args;
use proxy_abi::Status;
use proxy_core::observe::Datum;
use tokio::runtime::Runtime;

use super::check::{Subject, absolute, ident};
use crate::command_line::Options;
use crate::demo::client;
use crate::demo::origin::Origin;
use crate::launch::Launch;
use crate::output::{self, Messages};
use crate::running::Running;
use crate::trace::{Call, Filter, Record, Seen, Session};
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
    let (running, addr, _directory) = serve(&subject, &addrs)?;
    introduce(&subject, &addrs, addr);
    let picks = Picks::new(subject.ident, addr, &running)?;
    match run.requests {
        Some(requests) => {
            let mut picks = picks;
            let shown = (1..=requests).try_for_each(|number| picks.show(number));
            drop(picks);
            let is_clean = running.stop();
            shown?;
            Ok(if is_clean { Ended::Well } else { Ended::Unclean })
        }
        None => until_interrupted(picks, running),
    }
}

fn until_interrupted(mut picks: Picks, running: Running) -> Result<Ended, String> {
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
    // One executor, so that the choices are those of one instance in one order.
    let options =
        Options { config: Some(config), defines: vec!["ONE_PROCESS".to_owned()], ..Options::default() };
    let refused = |_| "the server did not start, for the reasons above".to_owned();
    let prepared = server::prepare(&options, &Messages::Stderr, &mut Launch::default()).map_err(refused)?;
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
    addr: SocketAddr,
    session: Session,
    runtime: Runtime,
}

/// How long a request that was answered may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

impl Picks {
    fn new(ident: String, addr: SocketAddr, running: &Running) -> Result<Self, String> {
        let session = Session::open(running.observation(), Filter::default())
            .map_err(|_| "the server is looked at by too many".to_owned())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| format!("no runtime to wait in: {error}"))?;
        Ok(Self { ident, addr, session, runtime })
    }

    fn show(&mut self, number: u64) -> Result<(), String> {
        let target = format!("/{number}");
        let served = match client::get(self.addr, &target) {
            Ok(answer) => match answer.origin.and_then(|origin| char::from_u32('a' as u32 + origin - 1)) {
                Some(letter) => format!("the server took {letter}, {}", answer.status),
                None => format!("the server answered {}", answer.status),
            },
            Err(text) => text,
        };
        let picked = picked(&self.traced(&target)?);
        output::result(format_args!("{number:>4}  GET {target}  {}: {picked}; {served}\n", self.ident));
        Ok(())
    }

    /// The request as the server saw it.
    fn traced(&mut self, target: &str) -> Result<Record, String> {
        let Self { session, runtime, .. } = self;
        let found = async {
            loop {
                match std::future::poll_fn(|cx| session.poll_next(cx)).await {
                    Seen::Request(record) if record.target == target => return record,
                    Seen::Request(_) | Seen::Missed(_) => {}
                }
            }
        };
        runtime
            .block_on(async { tokio::time::timeout(PATIENCE, found).await })
            .map_err(|_| format!("GET {target} did not end in the server"))
    }
}

/// The module's answers and their times, in words.
fn picked(record: &Record) -> String {
    let mut words = Vec::new();
    let mut took = 0;
    for call in &record.calls {
        match call.function {
            Some("load_balance") if call.status == Some(Status::OK) => took = call.nanoseconds,
            Some("load_balance" | "next") => {
                took += call.nanoseconds;
                words.push(format!("{} in {took} ns", answer(call)));
                took = 0;
            }
            _ => {}
        }
    }
    if words.is_empty() { "not asked".to_owned() } else { words.join(", then ") }
}

/// What a call answered: an endpoint by letter and address, or that there is none.
fn answer(call: &Call) -> String {
    let field = |name| call.output.iter().find(|field| field.name == name).map(|field| &field.value);
    match (field("index"), field("endpoint")) {
        (Some(Datum::Unsigned(index)), Some(Datum::Text(addr))) => {
            let letter = u32::try_from(*index).ok().and_then(|index| char::from_u32('a' as u32 + index));
            format!("{} {addr}", letter.unwrap_or('?'))
        }
        _ => match call.status {
            Some(Status::DONE) => "nobody more".to_owned(),
            Some(Status::DECLINED) => "declined".to_owned(),
            status => format!("{:?} {}", status.unwrap_or(Status::ERROR), call.said),
        },
    }
}
