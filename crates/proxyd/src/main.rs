//! The server: command line, configuration, listeners, executors, signals, and the exit code, decided here once.
#![forbid(unsafe_code)]

mod admin;
mod child;
mod command_line;
mod config_path;
mod configuration;
mod control;
mod demo;
mod descriptors;
mod detached;
mod executors;
mod files;
mod inherited;
mod introspection;
mod launch;
mod listening;
mod logs;
mod module;
mod output;
mod pid_file;
mod preflight;
mod prepared;
mod reload;
mod reload_verb;
mod retirement;
mod running;
mod server;
mod service;
mod signals;
mod statics;
mod trace;
mod watchdog;

use std::process::ExitCode;

use command_line::{Command, Refused};
use launch::By;

/// How a run of the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    /// The configuration or the start failed: doing it again would fail again.
    NotStarted,
    /// Requests were cut, the deadline of a graceful stop passed, or an executor failed.
    Unclean,
}

fn main() -> ExitCode {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let command = match command_line::parse(words) {
        Ok(command) => command,
        Err(refused) => return refuse(&refused),
    };
    let ended = printed(match command {
        Command::Run(options) => server::run(&options, By::Caller),
        Command::Control(options, action) => control::run(&options, action),
        Command::Detached(options) => server::run(&options, By::Background),
        Command::Check(options, check) => introspection::check(&options, &check),
        Command::Live(socket, dumps) => introspection::live(&socket, &dumps),
        Command::ListCompiledIn => introspection::compiled_in(),
        Command::ListDirectives(options) => introspection::directives(&options),
        Command::Version => introspection::version(),
        Command::Build => introspection::build(),
        Command::Demo { keep } => demo::run(keep),
        Command::Module(verb) => module::run(&verb),
        Command::Reload(reload) => reload_verb::run(&reload),
        Command::TryModule(trial) => preflight::run(&trial),
    });
    logs::finish();
    ExitCode::from(match ended {
        Ended::Well => 0,
        Ended::NotStarted => 1,
        Ended::Unclean => 3,
    })
}

/// Nothing ended well whose result could not be written.
fn printed(ended: Ended) -> Ended {
    let Some(error) = output::failure().filter(|_| ended == Ended::Well) else { return ended };
    output::Messages::Stderr.say(format_args!("proxyd: standard output cannot be written: {error}"));
    Ended::NotStarted
}

fn refuse(refused: &Refused) -> ExitCode {
    if refused.to_stdout {
        output::result(&refused.text);
        if printed(Ended::Well) != Ended::Well {
            return ExitCode::from(1);
        }
    } else {
        output::Messages::Stderr.say(refused.text.trim_end());
    }
    ExitCode::from(refused.code)
}
