//! Configurations in, `ServerConf` or errors out, with modules that exist in memory only.

mod dumps;
mod errors;
mod fake;
mod limits;
mod meaning;
mod spellings;
