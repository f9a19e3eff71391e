//! `test`: the unit tests of all crates, and the end-to-end tests with the round robin loaded as a file and compiled
//! into the server.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::{Profile, cargo, run as run_command, target_dir};
use crate::modules;

pub(crate) fn run(args: &[String]) -> Result<()> {
    let long = match args {
        [] => false,
        [arg] if arg == "--long" => true,
        _ => bail!("test takes nothing but --long"),
    };
    let files = target_dir()?.join("test-modules");
    for folder in ["modules", "tests/modules"] {
        modules::build(&modules::packages(folder)?, Profile::Dev, &files)?;
    }
    println!("# all crates; end to end with mod_proxy_lb.so loaded");
    run_command(&mut tests(&files, "shared", long, &["--workspace"]))?;
    println!("# end to end with mod-proxy-lb compiled in");
    let compiled_in = ["--package", "proxyd", "--features", "mod-proxy-lb", "--test", "tests"];
    run_command(&mut tests(&files, "static", long, &compiled_in))
}

fn tests(modules: &Path, mode: &str, long: bool, what: &[&str]) -> Command {
    let mut command = cargo(["test", "--locked"]);
    command.args(what).env("PROXYD_MODULES", modules).env("PROXYD_TEST_MODE", mode);
    if long {
        command.args(["--", "--include-ignored"]);
    }
    command
}
