//! The two logs: the error log, fed by `tracing`, and the access logs, one line a request. No reader of
//! either stops the server.

mod access;
mod append;
mod check;
mod error;
mod escape;
mod format;
mod levels;
mod lines;
mod losses;
mod queue;
mod sink;
mod stamp;

pub(crate) use access::AccessLogs;
pub(crate) use append::{Appender, finish};
pub(crate) use check::check_formats;
pub(crate) use error::{ErrorLayer, ErrorLog};
pub(crate) use levels::{Levels, level_by_name};
