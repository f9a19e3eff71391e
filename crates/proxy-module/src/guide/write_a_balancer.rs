//! Write a balancer: from an empty folder to a server that uses it.
//!
//! # Begin
//!
//! ```sh
//! proxyd module new lb-calm && cd lb-calm
//! cargo test && cargo build --release
//! proxyd module check target/release/libmod_lb_calm.so
//! proxyd module run target/release/libmod_lb_calm.so
//! ```
//!
//! The first line writes a crate that passes all that follows as it stands. By hand it is a crate whose `Cargo.toml` says
//! `crate-type = ["cdylib", "rlib"]`: the one is what `LoadModule` loads, the other what `cargo test` links.
//!
//! # What is asked
//!
//! For each request to a cluster that is yours, the server calls, always in this order:
//!
//! 1. [`begin`](crate::Balancer::begin), once: the request and the endpoints as they are now. It answers a *walk*, which is
//!    what you want to remember until the request is over, and which lives in memory that the server lends.
//! 2. [`next`](crate::Balancer::next): an index into these endpoints, or [`Exhausted`](crate::Next::Exhausted). If a
//!    connection to it cannot be made, [`failed`](crate::Balancer::failed) says so, and `next` is asked again. Nothing was
//!    sent by then, so that the client notices none of it.
//! 3. [`response_head`](crate::Balancer::response_head), if a response comes.
//! 4. [`done`](crate::Balancer::done), once for each index that `next` has answered, after `failed` as well, and also if the
//!    client goes away.
//! 5. The walk is dropped.
//!
//! # A whole one
//!
//! Fewest requests in flight; and who refused a connection is tried last for some seconds. The state beside each endpoint
//! is a *slot*: the server keeps it, shared by all executors, so it is an atomic number.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//!
//! use proxy_module::prelude::*;
//!
//! #[derive(Directives)]
//! struct Config {
//!     /// CalmSeconds N: for how long who failed is tried last.
//!     #[directive(name = "CalmSeconds", take1, default = 10)]
//!     seconds: u64,
//! }
//!
//! struct Calm {
//!     until: EndpointSlot<AtomicU64>, // nanoseconds on the server's clock
//!     pause_ns: u64,
//! }
//!
//! impl Balancer for Calm {
//!     type Config = Config;
//!     type Walk = (); // what was tried, the server remembers
//!
//!     fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
//!         Ok(Calm { until: init.per_endpoint()?, pause_ns: config.seconds * 1_000_000_000 })
//!     }
//!
//!     fn begin(&self, _request: &Request<'_>, _set: &Endpoints<'_>) -> Result<Begin<()>> {
//!         Ok(Begin::Trylist(()))
//!     }
//!
//!     fn next(&self, (): &mut (), attempt: &Attempt<'_>) -> Result<Next> {
//!         let set = attempt.endpoints();
//!         let untried = set.usable().iter().copied().filter(|index| !attempt.tried(*index));
//!         let best = untried.min_by_key(|index| {
//!             set.get(*index).map(|endpoint| {
//!                 let calms_down = endpoint.state(&self.until).load(Relaxed) > attempt.now_ns();
//!                 (calms_down, endpoint.in_flight())
//!             })
//!         });
//!         Ok(best.map_or(Next::Exhausted, Next::Endpoint))
//!     }
//!
//!     fn failed(&self, (): &mut (), failure: &Failure<'_>) {
//!         if let Some(endpoint) = failure.endpoint() {
//!             endpoint.state(&self.until).store(failure.now_ns() + self.pause_ns, Relaxed);
//!         }
//!     }
//! }
//!
//! proxy_module::module!(lb_calm_module: balancer Calm);
//!
//! // # Test it: this is a function of tests/pick.rs in a crate of its own.
//! use proxy_module_test::{FailureKind, Host};
//!
//! fn who_refused_is_tried_last_until_it_has_calmed_down() {
//!     let host = Host::of(&lb_calm_module).config("CalmSeconds 3").endpoints(2).start();
//!     let mut trial = host.request("/").begin();
//!     assert_eq!(trial.next(), Some(0));
//!     trial.fail(FailureKind::REFUSED);
//!     assert_eq!(trial.next(), Some(1));
//!     trial.done(200);
//!
//!     assert_eq!(host.picks(5), [0, 5]);
//!     host.advance(std::time::Duration::from_secs(3));
//!     assert_eq!(host.picks(5), [5, 0]);
//! }
//! # who_refused_is_tried_last_until_it_has_calmed_down();
//! ```
//!
//! # Test it
//!
//! `proxy-module-test` is a server without sockets in your test's own process: endpoints go up and down, time passes, and
//! random numbers fall as the test says. Its `conforms!(mod_lb_calm::lb_calm_module);` makes a test of each rule that any
//! balancer keeps, from an empty cluster to a panic in the middle of each function. `proxyd module check FILE` runs these
//! and more on the finished file, each in a process of its own; with `--as least`, `p2c`, `round-robin`, `weighted` or
//! `consistent-hash` also whether it is a right one of its kind. `proxyd module bench FILE` tells what a pick costs.
//!
//! # Use it
//!
//! ```apache
//! LoadModule lb_calm_module modules/libmod_lb_calm.so
//! LBMethod   cluster1 lb_calm_module
//! CalmSeconds 30
//! ```
//!
//! A module may also make clusters by directives of its own, by [`Init::cluster`](crate::Init::cluster), and routes to them
//! by a `route` directive: then no `LBMethod` line is wanted. The crate documentation begins with one that does.
//!
//! # What an answer means
//!
//! | answer | what becomes of the request |
//! |---|---|
//! | [`Begin::Decline`](crate::Begin::Decline) | it is not yours: the next balancer that answers for the cluster is asked, and if there is none, 503 |
//! | an error of `begin` or `next` | 503, and your words are in the log; nobody else is asked |
//! | [`Next::Endpoint`](crate::Next::Endpoint) | that endpoint is tried; if it was tried already you are asked again instead, and the walk ends once you offer nothing else and nothing else is left |
//! | [`Next::Again`](crate::Next::Again) | it is tried even if it was before |
//! | [`Next::Exhausted`](crate::Next::Exhausted) | nothing is left: 503 |
//! | a panic, an index that is none, or again and again what was tried while something is left | a line in the log, and the server's own round robin goes on over what was not tried: the request is served |
//!
//! # What goes wrong most
//!
//! * Walk over [`usable`](crate::Endpoints::usable), not over all endpoints while skipping those that are down: the one after
//!   a dead endpoint would get its share as well.
//! * An index is a place in one set. What has to last belongs into a slot, or is kept by [`id`](crate::Endpoint::id).
//! * Read what is in flight from [`in_flight`](crate::Endpoint::in_flight). Counts by hand are off for good after the first
//!   request that ends in a way you forgot.
//! * Two clusters, two counters: use [`per_cluster`](crate::Init::per_cluster) instead of a field of the instance.
//! * A reload makes a new instance with new slots. What took time to learn is asked for with
//!   [`per_cluster_kept`](crate::Init::per_cluster_kept) or [`per_endpoint_kept`](crate::Init::per_endpoint_kept), and goes
//!   on where it was, also if the file is another build; [`Kept`](crate::Kept) says how a type of your own does.
//!
//! # In C
//!
//! `proxyd module new --c lb-mine` writes the same in C, a page long. All that there is, is in `proxy_module.h`, which says
//! at each function who may call it when; `modules/examples-c` has random and least requests.
