//! A balancer that misbehaves as its directives say, else round robin. For tests of what the server contains.
//!
//! ```text
//! LoadModule hostile_module modules/mod_hostile.so
//! HostileCluster c http://127.0.0.1:8081 http://127.0.0.1:8082
//! HostileProxyPass / c
//! HostileMode next-panic
//! HostileEvery 3
//! ```
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use geo_hook::{Locate, LocateIn, LocateOut};
use proxy_module::prelude::*;
use proxy_module::serde::{Deserialize, Deserializer};

#[derive(Directives)]
struct Config {
    /// HostileCluster NAME URL...: adds servers to a cluster.
    #[directive(name = "HostileCluster", keyed)]
    clusters: BTreeMap<String, Vec<String>>,
    /// HostileProxyPass PATH CLUSTER: as ProxyPass, with a cluster in place of the URL.
    #[directive(name = "HostileProxyPass", route)]
    _routes: Routes,
    /// HostileMode MODE: how to misbehave.
    #[directive(name = "HostileMode", take1, default)]
    mode: Mode,
    /// HostileEvery NUMBER: misbehave in every so manieth request, from the first on.
    #[directive(name = "HostileEvery", take1, default = 1)]
    every: usize,
    /// HostileUntil NUMBER: misbehave in no request after so many.
    #[directive(name = "HostileUntil", take1, default = 18446744073709551615)]
    until: usize,
    /// HostileOnly PATH: misbehave in requests for that path alone.
    #[directive(name = "HostileOnly", take1)]
    only: Option<String>,
    /// HostileMillis NUMBER: how long something slow takes.
    #[directive(name = "HostileMillis", take1, default = 0)]
    millis: u64,
    /// HostileSteps NUMBER: how much is computed where something computes that much.
    #[directive(name = "HostileSteps", take1, default = 0)]
    steps: u64,
    /// HostileWord WORD: panics as soon as it is read.
    #[directive(name = "HostileWord", take1)]
    _word: Option<Word>,
}

/// A word that nobody may write.
struct Word;

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("hostile word");
    }
}

/// What to do wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(crate = "proxy_module::serde", rename_all = "kebab-case")]
enum Mode {
    /// Nothing.
    #[default]
    None,
    /// Panic in `init`.
    InitPanic,
    /// Refuse the configuration.
    InitError,
    /// Panic in `begin`.
    BeginPanic,
    /// Answer an error from `begin`.
    BeginError,
    /// Panic in `next`.
    NextPanic,
    /// Answer an error from `next`.
    Error,
    /// Panic in `report_failure`.
    FailedPanic,
    /// Panic in `done`.
    DonePanic,
    /// Panic in `response_head`.
    HeadPanic,
    /// Panic when the walk is dropped.
    DropPanic,
    /// Panic when the instance ends.
    FiniPanic,
    /// Panic when the state beside an endpoint is made.
    StatePanic,
    /// Panic when that state is dropped.
    StateDropPanic,
    /// Panic in an implementation of another module's hook, `com.example.geo.locate`.
    LocatePanic,
    /// Panic with a payload that panics when it is dropped.
    PayloadPanic,
    /// Answer the index after the last.
    OutOfRange,
    /// Answer an index that is far out.
    Garbage,
    /// Answer the first usable endpoint for ever, as one that may be tried again.
    Endless,
    /// Answer the first usable endpoint for ever, as one that may not be tried again.
    Repeat,
    /// Decline each request.
    Decline,
    /// Do not come back from `begin`.
    BeginLoop,
    /// Do not come back from `next`.
    NextLoop,
    /// Do not come back from the walk's drop.
    DropLoop,
    /// Compute for HostileMillis in `next`.
    NextSlow,
    /// Sleep for HostileMillis in `next`.
    NextSleep,
    /// Compute HostileSteps in `next`, whatever time that takes.
    NextBusy,
}

/// What states beside endpoints do: there is one instance a process.
static STATE_PANICS: AtomicBool = AtomicBool::new(false);
static STATE_DROP_PANICS: AtomicBool = AtomicBool::new(false);

struct State;

impl Default for State {
    fn default() -> Self {
        assert!(!STATE_PANICS.load(Relaxed), "hostile state");
        Self
    }
}

impl Drop for State {
    fn drop(&mut self) {
        assert!(!STATE_DROP_PANICS.load(Relaxed), "hostile state dropped");
    }
}

struct Hostile {
    state: EndpointSlot<State>,
    mode: Mode,
    every: usize,
    until: usize,
    only: Option<String>,
    slow: Duration,
    steps: u64,
    requests: AtomicUsize,
}

struct Walk {
    mode: Mode,
    first: usize,
    offered: usize,
}

/// A panic's payload that is no kinder than the panic.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("hostile payload dropped");
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        assert!(self.mode != Mode::DropPanic, "hostile drop");
        if self.mode == Mode::DropLoop {
            spin();
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        assert!(self.mode != Mode::FiniPanic, "hostile fini");
    }
}

impl Balancer for Hostile {
    type Config = Config;
    type Walk = Walk;

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        let Config { clusters, mode, every, until, only, millis, steps, .. } = config;
        info!(?mode, every, "hostile module begins");
        assert!(mode != Mode::InitPanic, "hostile init");
        if mode == Mode::InitError {
            return Err(Error::msg("hostile init refuses"));
        }
        for (name, urls) in &clusters {
            init.cluster(name)?.endpoints(urls)?;
        }
        // The slot's own state is made here; those beside endpoints are made when the server has them.
        let state = init.per_endpoint()?;
        STATE_PANICS.store(mode == Mode::StatePanic, Relaxed);
        STATE_DROP_PANICS.store(mode == Mode::StateDropPanic, Relaxed);
        Ok(Self {
            state,
            mode,
            every: every.max(1),
            until,
            only,
            slow: Duration::from_millis(millis),
            steps,
            requests: AtomicUsize::new(0),
        })
    }

    fn begin(&self, request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let _: Option<&State> = set.get(0).map(|endpoint| endpoint.state(&self.state));
        let first = self.requests.fetch_add(1, Relaxed);
        let is_meant = self.only.as_ref().is_none_or(|only| request.path() == only.as_bytes());
        let is_due = is_meant && first.is_multiple_of(self.every) && first < self.until;
        let mode = if is_due { self.mode } else { Mode::None };
        if mode != Mode::None {
            info!(?mode, request = request.id(), "hostile request");
        }
        assert!(mode != Mode::BeginPanic, "hostile begin");
        match mode {
            Mode::BeginLoop => spin(),
            Mode::BeginError => Err(Error::msg("hostile begin refuses")),
            Mode::Decline => Ok(Begin::Decline),
            _ => Ok(Begin::Trylist(Walk { mode, first, offered: 0 })),
        }
    }

    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let usable = attempt.endpoints().usable();
        match (walk.mode, usable.first()) {
            (Mode::NextPanic, _) => panic!("hostile next"),
            (Mode::PayloadPanic, _) => std::panic::panic_any(Bomb),
            (Mode::NextLoop, _) => spin(),
            (Mode::NextSlow, _) => {
                let begun = Instant::now();
                while begun.elapsed() < self.slow {
                    std::hint::spin_loop();
                }
                Ok(in_turn(walk, usable))
            }
            (Mode::NextSleep, _) => {
                std::thread::sleep(self.slow);
                Ok(in_turn(walk, usable))
            }
            (Mode::NextBusy, _) => {
                (0..self.steps).for_each(|step| _ = std::hint::black_box(step));
                Ok(in_turn(walk, usable))
            }
            (Mode::Error, _) => Err(Error::msg("hostile next refuses")),
            (Mode::OutOfRange, _) => Ok(Next::Endpoint(attempt.endpoints().len() as u32)),
            (Mode::Garbage, _) => Ok(Next::Endpoint(0xdead_beef)),
            (Mode::Endless, Some(first)) => Ok(Next::Again(*first)),
            (Mode::Repeat, Some(first)) => Ok(Next::Endpoint(*first)),
            _ => Ok(in_turn(walk, usable)),
        }
    }

    fn failed(&self, walk: &mut Walk, _failure: &Failure<'_>) {
        assert!(walk.mode != Mode::FailedPanic, "hostile failed");
    }

    fn done(&self, walk: &mut Walk, _outcome: &Outcome<'_>) {
        assert!(walk.mode != Mode::DonePanic, "hostile done");
    }

    fn response_head(&self, walk: &mut Walk, _head: &ResponseHead<'_>) {
        assert!(walk.mode != Mode::HeadPanic, "hostile head");
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<Locate>()
    }
}

impl Implements<Locate> for Hostile {
    fn call(&self, _cx: &Cx<'_>, _input: &LocateIn<'_>, _out: &mut LocateOut) -> Result<Answer> {
        assert!(self.mode != Mode::LocatePanic, "hostile locate");
        Ok(Answer::Decline)
    }
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

fn in_turn(walk: &mut Walk, usable: &[u32]) -> Next {
    if walk.offered >= usable.len() {
        return Next::Exhausted;
    }
    let place = walk.first.wrapping_add(walk.offered) % usable.len();
    walk.offered += 1;
    Next::Endpoint(usable[place])
}

proxy_module::module!(hostile_module: balancer Hostile);
