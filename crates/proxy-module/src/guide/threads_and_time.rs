//! Threads and time: what may happen at once, what lives how long, and where numbers come from.
//!
//! # Threads
//!
//! The server's threads are *executors*; each serves its own connections. One instance of your module, the value that `new`
//! answered, serves all of them at once, for one generation of the configuration. Hence `&self` everywhere, and `Send + Sync`:
//!
//! * What is shared and changes is an atomic number, or behind a lock that is held for a few instructions and never from one
//!   call to the next. `Relaxed` is the right order for counters. Take a poisoned lock as it is
//!   (`unwrap_or_else(PoisonError::into_inner)`): after a panic under `lock().unwrap()`, every request would panic.
//! * The calls for one request never overlap, but may come from one executor after the other. What a request remembers, its
//!   walk, is yours alone: `&mut`, and `Send`.
//! * [`Attempt::executor`](crate::Attempt::executor) is the number of the one that calls, good for this call only: as an index
//!   into counters that are summed up later, for instance. `u32::MAX` stands for none, as during `new`.
//! * No thread-locals: the destructor of one may run when there is nothing left to run it with.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//!
//! use proxy_module::prelude::*;
//!
//! /// In turn, wherever a request comes in.
//! struct Turn {
//!     turn: ClusterSlot<AtomicU64>,
//! }
//!
//! impl Balancer for Turn {
//!     type Config = ();
//!     type Walk = u64;
//!
//!     fn new((): (), init: &mut Init<'_>) -> Result<Self> {
//!         Ok(Turn { turn: init.per_cluster()? })
//!     }
//!
//!     fn begin(&self, _: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<u64>> {
//!         // One step for all executors: no two requests get the same number.
//!         Ok(Begin::Trylist(set.state(&self.turn).fetch_add(1, Relaxed)))
//!     }
//!
//!     fn next(&self, walk: &mut u64, attempt: &Attempt<'_>) -> Result<Next> {
//!         let usable = attempt.endpoints().usable();
//!         let from = (*walk % usable.len().max(1) as u64) as usize;
//!         let (after, before) = (&usable[from.min(usable.len())..], &usable[..from]);
//!         let untried = after.iter().chain(before).find(|index| !attempt.tried(**index));
//!         Ok(untried.map_or(Next::Exhausted, |index| Next::Endpoint(*index)))
//!     }
//! }
//!
//! proxy_module::module!(turn_module: balancer Turn);
//! # use proxy_module_test::Host;
//! # assert_eq!(Host::of(&turn_module).endpoints(3).start().picks(7), [3, 2, 2]);
//! ```
//!
//! # Time budget
//!
//! While your function runs, its executor serves nobody else: no file, no socket, no name, no sleep, no lock that somebody
//! holds for long. What takes time belongs into a thread of your own, which leaves its results where the calls find them.
//! Before it loads a file the server tries it in a process of its own, where a module that starts a thread in `new` is
//! refused unless it says so: `module!(x_module: balancer X, threads)`. Sockets, processes, signal handlers and timers are the
//! server's business there, whatever is said; open a socket from your thread, not in `new`.
//! Aim at under a microsecond; `proxyd module bench` tells, and `check` complains above five. Allocating is allowed and
//! costs; the balancers that ship allocate nothing per request.
//!
//! # Clock
//!
//! `now_ns` at [`Attempt`](crate::Attempt::now_ns), [`Failure`](crate::Failure::now_ns), [`Outcome`](crate::Outcome::now_ns) and
//! [`Cx`](crate::Cx::now_ns) is monotonic, in nanoseconds from a beginning that means nothing, read once when the executor woke
//! up. Two executors may differ by some microseconds: subtract with `saturating_sub`. There is no time of day. How long
//! something took is in microseconds, at [`Outcome`](crate::Outcome): `connect_us`, `ttfb_us`, `total_us`.
//!
//! Take time from there and from nowhere else: then a test can let a minute pass, and `check` can let the clock jump.
//!
//! # Randomness
//!
//! [`Attempt::random_below`](crate::Attempt::random_below), for the same reasons. Each executor has a generator of its own: no
//! two draw the same.
//!
//! # How long things live
//!
//! | what | until |
//! |---|---|
//! | what an argument lends: bytes, fields, endpoints | the call returns |
//! | the set of endpoints, and what an index means | the walk is dropped |
//! | a note on a request | the request is over |
//! | your instance, slots and their state, runners | no request of its generation is left |
//! | code and statics of the module file | the process ends: nothing is ever unloaded |
//!
//! Two generations overlap while requests of the old one end: both instances are called meanwhile. State in a static would
//! be shared by them; state in the instance or in a slot is not.
//!
//! # Panics
//!
//! Each entry point catches them. In a balancer's functions they cost no request; in a hook that may refuse requests, a panic
//! refuses that one by 500; in one that has no say, nothing. With five in a minute the server calls the module no more for
//! half a minute, and tries it again with one call in a hundred (`ModuleOnPanic`). The exception is the language's: a destructor that panics while
//! another panic unwinds ends the process.
