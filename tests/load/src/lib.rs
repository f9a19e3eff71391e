//! What `cargo xtask bench` puts on both sides of a proxy: clients in a closed or an open loop, and an origin. And in
//! its place, to compare with: the floor.
//!
//! Both are one thread over epoll with prebuilt messages, so that they take as little as they can of the core that
//! they share: what is measured is the proxy between them. Each response is checked for its status and length; a
//! benchmark that counts wrong answers measures nothing.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod drive;
pub mod floor;
pub mod hold;
pub mod origin;
pub mod plan;
pub mod reply;

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
