//! `proxyd module new NAME`: writes a balancer that works, to change from there.

use std::path::PathBuf;

use clap::Args;

use crate::Ended;
use crate::output::Messages;

/// What is written, and against which SDK.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct New {
    /// Name of the balancer and of the folder it is written to, such as lb-mine
    pub(crate) name: String,
    /// In C, with the header alone
    #[arg(long)]
    pub(crate) c: bool,
    /// Where the SDK is, if not in DIR/sdk beside DIR/bin/proxyd
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

/// Writes it into a new folder below the current one.
pub(crate) fn run(new: &New) -> Ended {
    Messages::Stderr.say(format_args!("proxyd: {} cannot be written", new.name));
    Ended::NotStarted
}
