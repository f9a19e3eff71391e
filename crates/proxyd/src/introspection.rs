//! Flags that ask and do not serve: `-t` and its dumps, `-l`, `-L`, `-v`, `-V`.

use std::path::Path;

use proxy_core::{dump, dump_hooks};

use crate::command_line::{Check, Dump, Options};
use crate::configuration::{self, Built};
use crate::output::{self, Messages};
use crate::{Ended, admin, statics};

/// As a Server field would name us.
pub(crate) const VERSION: &str = concat!("proxyd/", env!("CARGO_PKG_VERSION"));

/// Goes as far as module instances, without sockets, and prints what was asked for.
pub(crate) fn check(options: &Options, check: &Check) -> Ended {
    checked(options, check).unwrap_or_else(|ended| ended)
}

fn checked(options: &Options, check: &Check) -> Result<Ended, Ended> {
    let messages = messages(options)?;
    let configured = configuration::read(options, &messages)?;
    let built = configuration::build(configured, &messages, None)?;
    for dump in &check.dumps {
        output::result(text(*dump, &built));
    }
    if check.verdict {
        messages.say("Syntax OK");
    }
    Ok(Ended::Well)
}

fn text(dump: Dump, built: &Built) -> String {
    let generation = &built.generation;
    match dump {
        Dump::Modules => dump_hooks::modules(generation.modules().iter().map(|module| module.info())),
        Dump::VirtualHosts => dump::virtual_hosts(generation.conf(), &built.sources),
        Dump::RunConfig => dump::run_cfg(generation.conf(), &built.defines),
        Dump::Hooks => dump_hooks::hooks(generation),
    }
}

/// Prints what the server at `socket` shows of itself.
pub(crate) fn live(socket: &Path, dumps: &[Dump]) -> Ended {
    for page in dumps.iter().filter_map(|dump| dump.page()) {
        match admin::get(socket, page) {
            Ok(text) => output::result(text),
            Err(text) => {
                Messages::Stderr.say(format_args!("proxyd: {text}"));
                return Ended::NotStarted;
            }
        }
    }
    Ended::Well
}

/// Where messages of the start go.
///
/// # Errors
/// If that is a file which cannot be opened.
pub(crate) fn messages(options: &Options) -> Result<Messages, Ended> {
    Messages::to(options.startup_log.as_deref()).map_err(|error| {
        let path = options.startup_log.as_deref().unwrap_or_else(|| "".as_ref());
        Messages::Stderr
            .say(format_args!("proxyd: the file of -E, {}, cannot be opened: {error}", path.display()));
        Ended::NotStarted
    })
}

/// `-l`: the parts of the server as httpd would name them, then modules.
pub(crate) fn compiled_in() -> Ended {
    let modules = match statics::modules() {
        Ok(modules) => modules,
        Err(text) => {
            Messages::Stderr.say(format_args!("proxyd: {text}"));
            return Ended::NotStarted;
        }
    };
    let mut text = String::from("Compiled in modules:\n  core\n  so\n  http\n");
    for module in modules {
        text.push_str("  ");
        text.push_str(&module.info().ident);
        text.push('\n');
    }
    output::result(text);
    Ended::Well
}

/// `-L`: all directives, those of loaded modules included; without any configuration the server's own.
pub(crate) fn directives(options: &Options) -> Ended {
    let modules = if configuration::is_there(options) {
        messages(options)
            .and_then(|messages| configuration::read(options, &messages))
            .map(|read| read.modules)
    } else {
        Ok(statics::modules().unwrap_or_default())
    };
    let modules = match modules {
        Ok(modules) => modules,
        Err(ended) => return ended,
    };
    output::result(dump::directives(&modules));
    Ended::Well
}

/// `-v`.
pub(crate) fn version() -> Ended {
    output::result(format_args!("Server version: {VERSION}\n"));
    Ended::Well
}

/// `-V`.
pub(crate) fn build() -> Ended {
    output::result(format_args!(
        "Server version: {VERSION}\n\
         Module ABI: {major}.{minor}\n\
         Target: {arch}-{os}\n\
         Profile: {profile}\n\
         Compiled-in modules: {modules}\n\
         Configuration: -f FILE; DIR/conf/proxyd.conf for -d DIR; $PROXYD_CONF; ./conf/proxyd.conf; \
         /etc/proxyd/proxyd.conf\n\
         Modules: absolute, or relative to ServerRoot\n",
        major = proxy_abi::MAJOR,
        minor = proxy_abi::MINOR,
        arch = std::env::consts::ARCH,
        os = std::env::consts::OS,
        profile = if cfg!(debug_assertions) { "debug" } else { "optimised" },
        modules = statics::modules().map_or(0, |modules| modules.len()),
    ));
    Ended::Well
}
