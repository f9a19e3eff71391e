//! Notes the flags that the user has set for the compiler, by environment or in a configuration of cargo: cargo tells
//! them to build scripts, whereas who adds one in the environment replaces what a configuration says.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    println!("cargo::rustc-env=XTASK_RUSTFLAGS={flags}");
}
