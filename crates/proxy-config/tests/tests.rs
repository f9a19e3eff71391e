//! The language from the outside: text in, tree and diagnostics out. One binary, topics as modules.

mod including;
mod lexing;
mod limits;
mod on_read;
mod properties;
mod rendering;
mod sections;
mod support;
mod toml;
