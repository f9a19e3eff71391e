//! Module files from a C compiler: those that are refused, and what those that are loaded do.

mod init;
mod loading;
mod logging;
mod refusals;
mod statics;
mod support;
mod trusted;
