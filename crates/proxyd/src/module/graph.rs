//! `proxyd module graph`: the hooks of a configuration, or of a running server.

use std::path::PathBuf;

use clap::Args;
use proxy_core::dump_hooks;

use crate::command_line::Options;
use crate::output::{self, Messages};
use crate::{Ended, admin, configuration, introspection};

/// Whose hooks, and how they are printed.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    #[command(flatten)]
    pub(crate) options: Options,
    /// Ask the server whose AdminSocket this is, instead of reading a configuration
    #[arg(long, value_name = "SOCKET")]
    pub(crate) live: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints them.
pub(crate) fn run(graph: &Graph) -> Ended {
    let text = match &graph.live {
        None => configured(graph),
        Some(socket) => {
            let target = if graph.json { "/hooks?format=json" } else { "/hooks" };
            admin::get(socket, target).map_err(|text| {
                Messages::Stderr.say(format_args!("proxyd: {text}"));
                Ended::NotStarted
            })
        }
    };
    match text {
        Ok(text) => {
            output::result(text);
            Ended::Well
        }
        Err(ended) => ended,
    }
}

/// As `-t` goes: as far as module instances, without sockets.
fn configured(graph: &Graph) -> Result<String, Ended> {
    let messages = introspection::messages(&graph.options)?;
    let read = configuration::read(&graph.options, &messages)?;
    let built = configuration::build(read, &messages, None)?;
    Ok(if graph.json {
        format!("{}\n", admin::hooks_json(&built.generation))
    } else {
        dump_hooks::hooks(&built.generation)
    })
}
