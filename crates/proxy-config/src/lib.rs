//! The configuration language: text, in httpd's syntax or in TOML, to one directive tree with spans.
//!
//! [`read`] is the only way in. It reads the main file through a [`Loader`], follows `Include`, executes the
//! directives that act on read and resolves the conditionals, and hands back a [`Tree`] in which every word
//! knows its file, line and column. Which directives exist, where they may stand and what they mean is not
//! known here: that is the caller's, who is asked through [`Reading`] only for what decides how reading goes
//! on. All errors of all files are collected; none of them ends the reading of the rest.
//!
//! ```
//! use proxy_config::{Input, MemoryLoader, NoModules, read};
//!
//! let files = MemoryLoader::default().with("/srv/conf/proxyd.conf", "Listen 8080\n");
//! let input = Input::new("/srv/conf/proxyd.conf", "/srv");
//! let read = read(&input, &files, &mut NoModules);
//! assert!(!read.diagnostics.has_errors());
//! assert_eq!(read.tree.nodes[0].args[0].text, "8080");
//! ```

#![forbid(unsafe_code)]

pub mod args;
mod condition;
mod diagnostic;
mod expand;
mod httpd_syntax;
mod include;
mod lines;
mod loader;
mod nearest;
mod on_read;
mod reader;
mod render;
mod sources;
mod span;
mod stack;
mod toml_syntax;
mod tree;
mod words;
mod write;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use loader::{DirEntry, Loader, MemoryLoader};
pub use nearest::nearest;
pub use reader::{Input, NoModules, Read, Reading, read};
pub use sources::{Included, Sources};
pub use span::{FileId, Span};
pub use tree::{Node, Tree, Word};
