//! proxyd
fn main() {}
