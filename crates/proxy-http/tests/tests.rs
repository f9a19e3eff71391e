//! An executor over real sockets: the test is the client and the endpoint at once, byte by byte. Nothing sleeps;
//! whatever is waited for has a deadline.

mod support;

mod aborts;
mod bodies;
mod drain;
mod failures;
mod limits;
mod logs;
mod requests;
mod responses;
mod upgrade;
