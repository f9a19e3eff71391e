//! What `cargo xtask bench` puts on both sides of a proxy: clients in a closed or an open loop, and an origin. And in
//! its place, to compare with: the floor.
//!
//! Both are one thread over epoll with prebuilt messages, so that they take as little as they can of the core that
//! they share: what is measured is the proxy between them. Each response is checked for its status and length; a
//! benchmark that counts wrong answers measures nothing.

#![forbid(unsafe_code)]

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

pub mod accounts;
pub mod drive;
pub mod floor;
pub mod hold;
pub mod offer;
pub mod origin;
pub mod plan;
pub mod reply;

/// Waits for events, for so long or for ever, and puts those that come in the place of those that are there: none if a
/// signal came first.
///
/// # Errors
/// If the system refuses.
fn wait(epoll: &OwnedFd, events: &mut Vec<Event>, patience: Option<&Timespec>) -> Result<(), Errno> {
    events.clear();
    match epoll::wait(epoll, spare_capacity(events), patience) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Ends a program that cannot go on, saying why.
pub fn end_with(program: &str, outcome: Result<(), String>) -> std::process::ExitCode {
    use std::io::Write as _;
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{program}: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
