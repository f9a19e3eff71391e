//! The message parser beside other people's: what it accepts, they accept too, and read in the same way.
//!
//! [`message`] makes messages, most of them right, some wounded. [`seen`] is what a reader makes of one: ours, and
//! `httparse` with the framing rules of RFC 9112 on top. [`hyper`] and [`llhttp`] are whole servers' and clients'
//! readers, which are also asked where the next message begins. [`rewritten`] is what we send on of a message. [`targets`] are the functions that fuzzers call, and
//! that the tests replay over the committed corpora.
#![forbid(unsafe_code)]

pub mod dice;
pub mod hyper;
pub mod llhttp;
pub mod message;
pub mod naive;
pub mod rewritten;
pub mod seen;
pub mod targets;
