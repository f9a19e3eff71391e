//! What the end-to-end tests stand on: a server, origins that behave as told, clients that send bytes, module files.

pub(crate) mod activation;
pub(crate) mod admin;
pub(crate) mod author;
pub(crate) mod background;
pub(crate) mod backlog;
pub(crate) mod chance;
pub(crate) mod client;
pub(crate) mod cores;
pub(crate) mod crowd;
#[macro_use]
pub(crate) mod config;
pub(crate) mod inject;
mod limits;
pub(crate) mod load;
pub(crate) mod misbehaving;
pub(crate) mod modules;
pub(crate) mod origin;
pub(crate) mod peer;
pub(crate) mod policy;
pub(crate) mod ports;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod told;
pub(crate) mod traced;
pub(crate) mod unix;
pub(crate) mod wait;
