//! HTTP: connections, messages and the upstream side. Calls the core's hooks; names no balancing method.
//!
//! A thread that calls [`executor::run`] accepts connections and serves them. Each connection is one task
//! (`connection`) that reads a head (`message`), routes it, runs the request hooks, has `upstream` make or reuse a
//! connection to an endpoint, and then drives both sockets itself (`forward`).
#![forbid(unsafe_code)]

mod answer;
mod clock;
mod connection;
mod flow;
mod forward;
mod gather;
mod kit;
mod pool;
mod stream;
mod timer;
mod tunnel;
mod turn;
mod upstream;
mod window;

pub mod executor;
pub mod listen;
pub mod message;
pub mod names;
mod pipe;
pub mod transaction;
