//! `proxyd reload`: has the running server go over to the configuration as it is now, and says what comes of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::command_line::Options;
use crate::output::{self, Messages};
use crate::{Ended, admin, configuration, introspection};

/// Which server.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Reload {
    #[command(flatten)]
    pub(crate) options: Options,
    /// The server whose AdminSocket this is, instead of that of the configuration
    #[arg(long, value_name = "SOCKET")]
    pub(crate) socket: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// As long as modules may need to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks, waits, and prints the answer: that it is done, or what is wrong with file and line.
pub(crate) fn run(reload: &Reload) -> Ended {
    let socket = match &reload.socket {
        Some(socket) => socket.clone(),
        None => match configured(&reload.options) {
            Ok(socket) => socket,
            Err(ended) => return ended,
        },
    };
    let target = if reload.json { "/reload?format=json" } else { "/reload" };
    match admin::post(&socket, target, PATIENCE) {
        Ok(said) if said.is_done => {
            output::result(said.body);
            Ended::Well
        }
        Ok(said) if reload.json => {
            output::result(said.body);
            Ended::NotStarted
        }
        Ok(said) => {
            fail(&format!("the reload was refused, and nothing is changed:\n{}", said.body.trim_end()))
        }
        Err(text) => fail(&text),
    }
}

/// The AdminSocket of the configuration, which may otherwise be wrong: then that is what the server will say.
fn configured(options: &Options) -> Result<PathBuf, Ended> {
    let messages = introspection::messages(options)?;
    let conf = configuration::understood(options, &messages, |conf| conf.admin_socket.is_some())?;
    conf.admin_socket.ok_or_else(|| {
        fail(
            "the configuration has no AdminSocket: reload with 'kill -HUP PID', or add one and restart the server \
             with it; if it had one before, name it with --socket",
        )
    })
}

fn fail(text: &str) -> Ended {
    Messages::Stderr.say(format_args!("proxyd: {text}"));
    Ended::NotStarted
}
