//! `proxyd module …`: what an author of modules does from the command line, one file a verb.

use clap::Subcommand;

use crate::Ended;

mod bench;
mod check;
mod graph;
mod inspect;
mod new;
mod run;
mod trace;

/// What is to be done with a module.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Verb {
    /// Write a new balancer: a crate of its own that builds and passes its tests at once
    New(new::New),
    /// Show what a module file is, without running any of its code
    Inspect(inspect::Inspect),
    /// Check that a module keeps the contract, and a balancer its policy; each test in a process of its own
    Check(check::Check),
    /// Measure what one request costs in a balancer, over 4 to 10,000 endpoints
    Bench(bench::Bench),
    /// Serve with a balancer and toy origins, and show each of its choices
    Run(run::Run),
    /// Show who declares which hook, who implements it in which order, and what nothing runs
    Graph(graph::Graph),
    /// Show what modules are asked and answer in a running server, request by request
    Trace(trace::Trace),
}

/// Does it; a verb prints its own result.
pub(crate) fn run(verb: &Verb) -> Ended {
    match verb {
        Verb::New(new) => new::run(new),
        Verb::Inspect(inspect) => inspect::run(inspect),
        Verb::Check(check) => check::run(check),
        Verb::Bench(bench) => bench::run(bench),
        Verb::Run(run) => run::run(run),
        Verb::Graph(graph) => graph::run(graph),
        Verb::Trace(trace) => trace::run(trace),
    }
}
