//! The core: hooks, modules, clusters, trylists, configuration and generations. It opens no socket, reads no
//! clock, starts no task and names no balancing method.
#![forbid(unsafe_code)]

pub mod blob;
pub mod caller;
pub mod cluster;
pub mod conf;
pub mod containment;
pub mod directive;
mod directives;
pub mod dump;
pub mod dump_hooks;
pub mod edits;
pub mod generation;
pub mod hash_key;
pub mod hooks;
pub mod limits;
pub mod load_module;
pub mod lower;
pub mod module;
pub mod observe;
pub mod origin;
pub mod path;
pub mod providers;
pub mod registration;
pub mod routing;
mod sync;
pub mod trylist;
pub mod value;
