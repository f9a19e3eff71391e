//! What a module of `proxyd` is written with: no `unsafe`, no parser, no panic handling, one crate for a
//! loaded module and a compiled-in one.
//!
//! A balancer implements [`Balancer`] and ends with [`module!`]; any other module implements [`Module`] and
//! [`Implements`] for each hook it wants. Their directives are a struct with [`derive@Directives`]. The guides go through
//! it step by step: [write a balancer](guide::write_a_balancer), [declare a hook](guide::declare_a_hook),
//! [threads and time](guide::threads_and_time).
//!
//! ```
//! use proxy_module::prelude::*;
//!
//! #[derive(Directives)]
//! struct Config {
//!     /// FirstCluster NAME URL: adds a server to a cluster.
//!     #[directive(name = "FirstCluster", keyed)]
//!     clusters: std::collections::BTreeMap<String, Vec<String>>,
//! }
//!
//! /// Offers the usable endpoints in their order, each request from the first one on.
//! struct First;
//!
//! impl Balancer for First {
//!     type Config = Config;
//!     type Walk = usize; // how many were offered
//!
//!     fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
//!         for (name, urls) in &config.clusters {
//!             init.cluster(name)?.endpoints(urls)?;
//!         }
//!         Ok(First)
//!     }
//!
//!     fn begin(&self, _request: &Request<'_>, _set: &Endpoints<'_>) -> Result<Begin<usize>> {
//!         Ok(Begin::Trylist(0))
//!     }
//!
//!     fn next(&self, offered: &mut usize, attempt: &Attempt<'_>) -> Result<Next> {
//!         let next = attempt.endpoints().usable().get(*offered);
//!         *offered += 1;
//!         Ok(next.map_or(Next::Exhausted, |index| Next::Endpoint(*index)))
//!     }
//! }
//!
//! proxy_module::module!(first_module: balancer First);
//! # fn main() {}
//! ```
//!
//! `proxyd module new lb-mine` writes a crate that is built at once: its `crate-type` is `["cdylib", "rlib"]`, so that
//! `cargo build --release` makes the file that `LoadModule` loads and `cargo test` links the rest. `proxy-module-test` is
//! the host of these tests, and `proxyd module check` runs the rules of every balancer on the file. The same crate linked
//! into the server is a module that is compiled in. All unsafe code stands in the private module `ffi`; what it relies on
//! is written in `SAFETY.md` of `proxy-abi`.
#![deny(unsafe_code)]
#![warn(missing_docs)]

extern crate self as proxy_module;

mod balancer;
mod bridge;
mod config;
mod edits;
mod endpoints;
mod error;
#[allow(unsafe_code, reason = "the one place that crosses the boundary")]
mod ffi;
mod general;
mod guard;
pub mod guide;
mod init;
mod inject;
mod kept;
mod provider;
mod record;
mod reports;
mod request;
mod runner;
mod slot;
#[doc(hidden)]
pub mod testing;
mod untried;

pub use balancer::{Attempt, Balancer, Begin, Next};
pub use bridge::remember_panic;
pub use config::{Directives, Routes, Values};
pub use edits::Edits;
pub use endpoints::{Endpoint, Endpoints};
pub use error::{Error, Result};
pub use general::{Answer, Cx, Hooks, Implements, Module};
pub use init::{Cluster, Init};
pub use kept::Kept;
pub use provider::{Provided, Provider, Provides};
pub use record::StaticModule;
pub use reports::{Failure, Outcome, ResponseHead};
pub use request::Request;
pub use runner::Runner;
pub use slot::{ClusterSlot, EndpointSlot};
pub use untried::Untried;

pub use inventory;
pub use proxy_abi as abi;
pub use proxy_module_derive::Directives;
pub use serde;
pub use tracing;

/// What the macros of this crate expand to; not for authors.
#[doc(hidden)]
pub mod private {
    pub use crate::ffi::entry::{fini, init_balancer, init_module};
    pub use crate::record::{FLAGS, FLAGS_WITH_THREADS, note, record};
}

/// All that a module's source usually names.
pub mod prelude {
    pub use crate::abi::{
        AccessChecker, FailureKind, Fixups, HookSpec, LogTransaction, OutcomeResult, PostReadRequest,
        ProviderSpec, order,
    };
    pub use crate::tracing::{self, debug, error, info, trace, warn};
    pub use crate::{
        Answer, Attempt, Balancer, Begin, ClusterSlot, Cx, Directives, Edits, Endpoint, EndpointSlot,
        Endpoints, Error, Failure, Hooks, Implements, Init, Kept, Module, Next, Outcome, Provided, Provider,
        Provides, Request, ResponseHead, Result, Routes, Runner,
    };
}
