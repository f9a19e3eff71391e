//! The SDK against a small host: what an author writes, called as the server calls it.

mod config;
mod fake_host;
mod faults;
mod general;
mod providers;
mod round_robin;
mod runners;
mod slots;
