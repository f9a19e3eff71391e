//! The server.
#![forbid(unsafe_code)]

mod command_line;
mod config_path;
mod files;
mod output;

fn main() {}
