//! Guides, to be read from top to bottom: [a balancer](write_a_balancer), [a hook](declare_a_hook), and [what holds of
//! threads and time](threads_and_time) in all of them. Every piece of Rust in them is compiled and run by the tests.
//!
//! What each call promises is written at the traits: [`Balancer`](crate::Balancer), [`Module`](crate::Module),
//! [`Implements`](crate::Implements).

pub mod declare_a_hook;
pub mod threads_and_time;
pub mod write_a_balancer;
