//! `proxyd module …`: what an author of modules does from the command line, one file a verb.

use clap::Subcommand;

use crate::Ended;

mod graph;
mod new;

/// What is to be done with a module.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Verb {
    /// Write a new balancer: a crate of its own that builds and passes its tests at once
    New(new::New),
    /// Show who declares which hook, who implements it in which order, and what nothing runs
    Graph(graph::Graph),
}

/// Does it; a verb prints its own result.
pub(crate) fn run(verb: &Verb) -> Ended {
    match verb {
        Verb::New(new) => new::run(new),
        Verb::Graph(graph) => graph::run(graph),
    }
}
