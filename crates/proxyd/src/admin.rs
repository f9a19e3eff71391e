//! The admin socket: what operators may ask of the running server. It shows, lets look on, and reloads; it has a thread
//! and a runtime of its own, and holds up neither an executor nor the end of the server.

mod client;
mod generations;
mod pages;
mod serving;
mod socket;
mod trace;

pub(crate) use client::{End, get, post, stream};
pub(crate) use pages::hooks_json;
pub(crate) use serving::Serving;
pub(crate) use socket::Socket;
