//! The command line: httpd's flags, long names for them, and verbs for what httpd lacks.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::reload_verb::Reload;
use crate::{module, preflight};

#[cfg(test)]
mod tests;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Serve, in the foreground.
    Run(Options),
    /// `-k`: start a server, or tell the one that runs.
    Control(Options, Action),
    /// Serve in the background, as `-k` has started us to.
    Detached(Options),
    /// `-t` and all that implies it: check the configuration, then print.
    Check(Options, Check),
    /// `--live`: the same dumps, of the server whose socket this is.
    Live(PathBuf, Vec<Dump>),
    /// `-l`.
    ListCompiledIn,
    /// `-L`.
    ListDirectives(Options),
    /// `-v`.
    Version,
    /// `-V`.
    Build,
    /// `proxyd demo`.
    Demo {
        /// Go on until interrupted.
        keep: bool,
    },
    /// `proxyd module …`.
    Module(module::Verb),
    /// `proxyd reload`.
    Reload(Reload),
    /// What the server has a process of its own do with each module file first.
    TryModule(preflight::Trial),
}

/// What `-k` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    Start,
    Stop,
    GracefulStop,
    Restart,
    Graceful,
}

/// What a check prints.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) dumps: Vec<Dump>,
    /// `Syntax OK`: for `-t` itself, not for what only implies it.
    pub(crate) verdict: bool,
}

/// What is shown of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dump {
    Modules,
    VirtualHosts,
    RunConfig,
    Hooks,
}

impl Dump {
    /// The page of the admin socket that shows it of a running server.
    pub(crate) const fn page(self) -> Option<&'static str> {
        match self {
            Self::Modules => Some("/modules"),
            Self::Hooks => Some("/hooks"),
            Self::VirtualHosts | Self::RunConfig => None,
        }
    }
}

/// A command line that asks for nothing that can be done: what to print, and the exit code.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    pub(crate) text: String,
    /// Asked for help on a verb or by `--help`: a result, not an error.
    pub(crate) to_stdout: bool,
    pub(crate) code: u8,
}

/// Options that decide which configuration is read, and how it is run.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// ServerRoot: what relative paths are relative to
    #[arg(short = 'd', long = "root", value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Configuration file, relative to ServerRoot
    #[arg(short = 'f', long = "config", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Directive read before the configuration file
    #[arg(short = 'C', long = "before", value_name = "DIRECTIVE")]
    pub(crate) before: Vec<String>,
    /// Directive read after it
    #[arg(short = 'c', long = "after", value_name = "DIRECTIVE")]
    pub(crate) after: Vec<String>,
    /// Define NAME for IfDefine and ${NAME}; with -t, DUMP_MODULES, DUMP_VHOSTS, DUMP_RUN_CFG or DUMP_HOOKS
    #[arg(short = 'D', long = "define", value_name = "NAME[=VALUE]")]
    pub(crate) defines: Vec<String>,
    /// Show messages of this level and above while starting
    #[arg(short = 'e', long = "startup-level", value_name = "LEVEL")]
    pub(crate) startup_level: Option<String>,
    /// Write messages of the start into this file
    #[arg(short = 'E', long = "startup-log", value_name = "FILE")]
    pub(crate) startup_log: Option<PathBuf>,
    /// Debug: one executor, messages of level debug
    #[arg(short = 'X', long = "debug")]
    pub(crate) debug: bool,
}

#[derive(Parser)]
#[command(
    name = "proxyd",
    about = "A reverse proxy and HTTP load balancer built of hooks and loadable modules",
    disable_help_subcommand = true,
    after_help = "Without a verb and without -k the server runs in the foreground until TERM or INT.\n\
                  Try: proxyd demo"
)]
struct Line {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    questions: Questions,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Args, Default)]
struct Questions {
    /// Check the configuration without opening a socket
    #[arg(short = 't', long = "test")]
    test: bool,
    /// Show virtual hosts and what else the configuration comes to
    #[arg(short = 'S', long = "virtual-hosts")]
    virtual_hosts: bool,
    /// List all modules, in load order
    #[arg(short = 'M', long = "modules")]
    modules: bool,
    /// With -M, -D DUMP_MODULES or -D DUMP_HOOKS: ask the server whose AdminSocket this is
    #[arg(long, value_name = "SOCKET")]
    live: Option<PathBuf>,
    /// List the modules that are compiled in
    #[arg(short = 'l', long = "compiled-in")]
    compiled_in: bool,
    /// List all directives
    #[arg(short = 'L', long = "directives")]
    directives: bool,
    /// Show the version
    #[arg(short = 'v', long = "version")]
    version: bool,
    /// Show the version and how the server was built
    #[arg(short = 'V', long = "build")]
    build: bool,
    /// Accepted without effect, as in httpd
    #[arg(short = 'T', hide = true)]
    no_document_root_check: bool,
    /// Start a server in the background, or signal the one that holds the PidFile
    #[arg(short = 'k', value_name = "ACTION")]
    action: Option<Action>,
    /// With -k, in the process that it starts.
    #[arg(long, hide = true, requires = "action")]
    detached: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Show a failover: three origins, the server and requests in one process, nothing to configure
    Demo {
        /// Leave it running until interrupted
        #[arg(long)]
        keep: bool,
    },
    /// Serve in the foreground, as without a verb
    Run {
        #[command(flatten)]
        options: Options,
    },
    /// Have the running server go over to the configuration as it is now; it stays with the one it has if that is wrong
    Reload(Reload),
    /// Write a balancer of your own, and look at the file that came of it
    Module {
        #[command(subcommand)]
        verb: module::Verb,
    },
    #[command(hide = true)]
    TryModule(preflight::Trial),
}

/// Understands the command line, the program's name first.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Command, Refused> {
    let words: Vec<String> = words.into_iter().collect();
    // Verbs answer 2 to wrong usage; httpd's flags answer 1, as httpd does.
    let by_verb = words.get(1).is_some_and(|word| !word.starts_with('-'));
    // `-h` answers as httpd's does, on standard error; the other ways to ask are ours.
    let httpd_help = !by_verb && !words.iter().any(|word| word == "--help");
    let line = Line::try_parse_from(&words).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp => {
            Refused { text: error.render().to_string(), to_stdout: !httpd_help, code: u8::from(httpd_help) }
        }
        kind => misused(&error, by_verb || kind == ErrorKind::InvalidSubcommand),
    })?;
    if line.verb.is_some() && line.questions.action.is_some() {
        let text =
            "proxyd: -k takes no verb: it is for the server that the configuration describes\n".to_owned();
        return Err(Refused { text, to_stdout: false, code: 2 });
    }
    match line.verb {
        Some(Verb::Demo { keep }) => Ok(Command::Demo { keep }),
        Some(Verb::Module { verb }) => Ok(Command::Module(verb)),
        Some(Verb::Reload(mut reload)) => {
            reload.options = reload.options.over(line.options);
            Ok(Command::Reload(reload))
        }
        Some(Verb::TryModule(trial)) => Ok(Command::TryModule(trial)),
        Some(Verb::Run { options }) => Ok(Command::Run(options.over(line.options))),
        None => asked(line.options, &line.questions),
    }
}

/// Which of the flags decides, where several are given.
fn asked(options: Options, questions: &Questions) -> Result<Command, Refused> {
    if questions.version {
        return Ok(Command::Version);
    }
    if questions.build {
        return Ok(Command::Build);
    }
    if questions.compiled_in {
        return Ok(Command::ListCompiledIn);
    }
    if questions.directives {
        return Ok(Command::ListDirectives(options));
    }
    let dumps = dumps(&options, questions);
    if let Some(socket) = &questions.live {
        return live(socket, dumps);
    }
    if questions.test || !dumps.is_empty() {
        return Ok(Command::Check(options, Check { dumps, verdict: questions.test }));
    }
    Ok(match questions.action {
        None => Command::Run(options),
        Some(_) if questions.detached => Command::Detached(options),
        Some(action) => Command::Control(options, action),
    })
}

/// A running server shows what its socket has a page for.
fn live(socket: &Path, dumps: Vec<Dump>) -> Result<Command, Refused> {
    if dumps.is_empty() || dumps.iter().any(|dump| dump.page().is_none()) {
        return Err(Refused {
            text: "proxyd: --live goes with -M, -D DUMP_MODULES or -D DUMP_HOOKS\n".to_owned(),
            to_stdout: false,
            code: 1,
        });
    }
    Ok(Command::Live(socket.to_owned(), dumps))
}

fn dumps(options: &Options, questions: &Questions) -> Vec<Dump> {
    let defined = |name| options.is_defined(name);
    let wanted = [
        (questions.virtual_hosts || defined("DUMP_VHOSTS"), Dump::VirtualHosts),
        (questions.virtual_hosts || defined("DUMP_RUN_CFG"), Dump::RunConfig),
        (questions.modules || defined("DUMP_MODULES"), Dump::Modules),
        (defined("DUMP_HOOKS"), Dump::Hooks),
    ];
    wanted.into_iter().filter_map(|(wanted, dump)| wanted.then_some(dump)).collect()
}

impl Options {
    /// `-X`, or the define that httpd has for it.
    pub(crate) fn one_executor(&self) -> bool {
        self.debug || self.is_defined("ONE_PROCESS")
    }

    /// Whether even `-k start` stays in the foreground.
    pub(crate) fn in_foreground(&self) -> bool {
        self.one_executor() || self.is_defined("FOREGROUND") || self.is_defined("NO_DETACH")
    }

    fn is_defined(&self, name: &str) -> bool {
        self.defines.iter().any(|define| define == name)
    }

    /// `-D` as name and value; an empty value is none.
    pub(crate) fn define_pairs(&self) -> Vec<(String, String)> {
        let pair = |define: &String| {
            let (name, value) = define.split_once('=').unwrap_or((define, ""));
            (name.to_owned(), value.to_owned())
        };
        self.defines.iter().map(pair).collect()
    }

    /// These, and for what they leave out `before`, given in front of the verb.
    fn over(self, before: Self) -> Self {
        let join = |mut first: Vec<String>, second: Vec<String>| {
            first.extend(second);
            first
        };
        Self {
            root: self.root.or(before.root),
            config: self.config.or(before.config),
            before: join(before.before, self.before),
            after: join(before.after, self.after),
            defines: join(before.defines, self.defines),
            startup_level: self.startup_level.or(before.startup_level),
            startup_log: self.startup_log.or(before.startup_log),
            debug: self.debug || before.debug,
        }
    }
}

fn misused(error: &clap::Error, verb: bool) -> Refused {
    let said = error.render().to_string();
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    Refused { text: format!("proxyd: {said}"), to_stdout: false, code: if verb { 2 } else { 1 } }
}
