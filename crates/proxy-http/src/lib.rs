//! HTTP: connections, messages and the upstream side. Calls the core's hooks; names no balancing method.
#![forbid(unsafe_code)]

pub mod message;
