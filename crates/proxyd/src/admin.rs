//! The admin socket: what operators may ask of the running server. It reads and changes nothing; it has a thread
//! and a runtime of its own, and holds up neither an executor nor the end of the server.

mod client;
mod pages;
mod serving;
mod socket;

pub(crate) use client::get;
pub(crate) use pages::hooks_json;
pub(crate) use serving::Serving;
pub(crate) use socket::Socket;
