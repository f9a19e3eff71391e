//! A host for the tests of a balancer: no server, no socket, no module file, and nothing that differs from run to run.
//!
//! It reads the module's configuration, keeps its clusters and calls it as the server does, over the same boundary.
//! A balancer sees what it would see there: endpoints that are up and down, what is in flight, a clock, random
//! numbers. The test decides all of it.
//!
//! ```
//! use proxy_module::prelude::*;
//! use proxy_module_test::{FailureKind, Host};
//!
//! /// The endpoint with the fewest requests in flight, among those not tried yet.
//! struct Least;
//!
//! impl Balancer for Least {
//!     type Config = ();
//!     type Walk = ();
//!
//!     fn new((): (), _: &mut Init<'_>) -> Result<Self> {
//!         Ok(Least)
//!     }
//!
//!     fn begin(&self, _: &Request<'_>, _: &Endpoints<'_>) -> Result<Begin<()>> {
//!         Ok(Begin::Trylist(()))
//!     }
//!
//!     fn next(&self, (): &mut (), attempt: &Attempt<'_>) -> Result<Next> {
//!         Ok(attempt.untried().min_by_key(|endpoint| endpoint.in_flight()).into())
//!     }
//! }
//!
//! proxy_module::module!(least_module: balancer Least);
//!
//! # fn main() {
//! let host = Host::of(&least_module).cluster("c", &["http://a:1", "http://b:1", "http://c:1"]).start();
//! host.in_flight(0, 5);
//! host.in_flight(1, 2);
//!
//! let mut trial = host.request("/").begin();
//! assert_eq!(trial.next(), Some(2)); // now one request is in flight there
//! trial.fail(FailureKind::REFUSED);
//! assert_eq!(trial.next(), Some(1));
//! trial.done(200);
//!
//! host.down(2);
//! assert_eq!(host.picks(10), [0, 10, 0]);
//! # }
//! ```
//!
//! In a crate of its own, [`conforms!`] makes a test of each rule that any balancer keeps:
//!
//! ```ignore
//! proxy_module_test::conforms!(lb_mine::lb_mine_module);
//! ```
//!
//! A panic of the module costs no request in the server; here it fails the test and says what panicked where, unless
//! the test asks by [`Trial::ask`], which answers it. Everything is for one thread: a test has a host of its own.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod cluster;
mod config;
pub mod conform;
mod host;
mod quiet;
mod request;
mod setup;
mod trial;

pub use host::Host;
pub use proxy_module::abi::{FailureKind, Level, Outcome, OutcomeResult};
pub use proxy_module::testing::{Line, Refusal};
pub use request::Request;
pub use setup::Setup;
pub use trial::{Asked, NoTrylist, Trial};
