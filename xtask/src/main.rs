//! What is done with this repository beyond what cargo does: `cargo xtask VERB`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool at a terminal")]

mod bench;
mod cargo;
mod ci;
mod compiler;
mod dist;
mod fuzz;
mod loom;
mod modules;
mod profile_guided;
mod prove;
mod sanitize;
mod suite;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cargo::Profile;
use crate::sanitize::Sanitizer;

const USAGE: &str = "\
Usage: cargo xtask VERB

  demo [--keep]                   build a tree and show a failover in it
  test [--long]                   all tests; end to end with the balancer loaded, then compiled in
  ci [--lints]                    fmt, tidy, clippy, docs, counted benchmarks, tests; warnings are errors. --lints stops before
                                  the benchmarks
  modules [--release] [--out DIR] build the modules as files
  dist [--release [--no-pgo]] [--out DIR]
                                  a tree that works wherever it is moved: DIR/bin/proxyd -d DIR. --release trains proxyd
                                  and optimises it by what that has shown (PGO), --no-pgo does without
  bench [--scenario A,B] [--rounds N] [--seconds N] [--quick] [--only-peers] [--no-pgo]
                                  proxyd as it is shipped beside nginx, HAProxy and httpd, whichever are installed:
                                  speed, latency, memory, in one run; a page in target/bench/peers
  bench instructions [--write]    instructions and system calls of one request, against the committed figures
  bench hook [--write]            what one trip through each balancer costs, and that it allocates nothing
  bench scan                      least requests over 1000 endpoints beside the same loop over a plain slice
  bench idle-modules              what fifty modules cost a request that has nothing to do with them
  prove [NAME...] [--long]        what must not cost a request or spoil one, many times under load: reloads, swaps,
                                  hostile, panics, stall, soak, slow, overload, crosstalk, posts, and the parser beside
                                  others (oracles); prints figures, and fails if a bound is missed. --long takes two hours
  fuzz TARGET [--seconds N]       cargo-fuzz over one target of tests/fuzz, for 60 s or N
  loom [--long]                   models of what threads share, in all interleavings
  sanitize address|thread [NAME]  the tests, or those that hold NAME, with host and modules under a sanitizer
  tidy                            what neither compiler nor clippy checks

It works on Linux with glibc, with the Rust toolchain and a C compiler.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        bail!("modules are loaded as Linux with glibc does it: build there");
    }
    let Some((verb, rest)) = args.split_first() else { bail!("no verb\n\n{USAGE}") };
    let mut options = Options::parse(rest)?;
    match verb.as_str() {
        "demo" => dist::demo(options.flag("--keep")?),
        "test" => suite::test(options.flag("--long")?),
        "ci" => ci::check(!options.flag("--lints")?),
        "modules" => {
            let profile = options.profile();
            modules::build(profile, &options.out("modules")?)
        }
        "dist" => {
            let profile = options.profile();
            let guided = !options.take("--no-pgo");
            if !guided && profile != Profile::DIST {
                bail!("--no-pgo goes with --release: nothing is trained without it\n\n{USAGE}");
            }
            dist::dist(profile, guided, &options.out("tree")?)
        }
        "bench" => bench::run(&options.words),
        "prove" => prove::prove(&options.words),
        "fuzz" => fuzz::fuzz(&options.words),
        "loom" => loom::run_models(options.flag("--long")?),
        "sanitize" => match options.words.as_slice() {
            [which] => sanitize::run_tests(sanitizer(which)?, None),
            [which, filter] => sanitize::run_tests(sanitizer(which)?, Some(filter)),
            _ => bail!("sanitize address or thread\n\n{USAGE}"),
        },
        "tidy" => options.none().and_then(|()| tidy::run()),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        _ => bail!("there is no verb {verb}\n\n{USAGE}"),
    }
}

fn sanitizer(name: &str) -> Result<Sanitizer> {
    Sanitizer::named(name).with_context(|| format!("there is no sanitizer {name}: address or thread"))
}

/// The words after the verb.
struct Options {
    words: Vec<String>,
    out: Option<PathBuf>,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self> {
        let mut options = Self { words: Vec::new(), out: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--out" => options.out = Some(words.next().context("--out wants a directory")?.into()),
                _ => options.words.push(word.clone()),
            }
        }
        Ok(options)
    }

    fn profile(&mut self) -> Profile {
        if self.take("--release") { Profile::DIST } else { Profile::DEV }
    }

    /// `--out`, or `default` in the target directory; the last of the words.
    fn out(&mut self, default: &str) -> Result<PathBuf> {
        let out = self.out.take();
        self.none()?;
        match out {
            Some(out) => Ok(std::path::absolute(out)?),
            None => Ok(cargo::target()?.join(default)),
        }
    }

    /// Whether that word is there; the last of the words.
    fn flag(&mut self, name: &str) -> Result<bool> {
        let is_given = self.take(name);
        self.none()?;
        Ok(is_given)
    }

    fn take(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    fn none(&self) -> Result<()> {
        match self.words.first().cloned().or_else(|| self.out.as_ref().map(|_| "--out".to_owned())) {
            None => Ok(()),
            Some(word) => bail!("{word} means nothing here\n\n{USAGE}"),
        }
    }
}
