//! From the command line's options to a generation, and what is wrong on the way.

use std::path::PathBuf;

use proxy_config::{Diagnostics, Input, Severity, Sources};
use proxy_core::caller::Caller;
use proxy_core::conf::ServerConf;
use proxy_core::generation::Generation;
use proxy_core::lower::{Configured, configure};

use crate::command_line::Options;
use crate::config_path::{self, ConfigPath, Surroundings};
use crate::files::Files;
use crate::logs::check_formats;
use crate::output::Messages;
use crate::{Ended, preflight, statics};

/// So many errors are shown; after that nobody reads on.
const SHOWN: usize = 20;

/// A configuration with the generation built from it.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) generation: Generation,
    pub(crate) sources: Sources,
    pub(crate) defines: Vec<(String, String)>,
}

/// Reads the configuration that the options mean; all that is wrong is said.
///
/// # Errors
/// If anything but warnings was said.
pub(crate) fn read(options: &Options, messages: &Messages) -> Result<Configured, Ended> {
    let configured = configured(options, messages)?;
    report(&configured.diagnostics, &configured.sources, messages);
    if configured.diagnostics.has_errors() { Err(Ended::NotStarted) } else { Ok(configured) }
}

/// What a configuration says as far as it could be understood, for whoever looks for its server. Errors are said only if
/// that is not enough.
///
/// # Errors
/// If there is nothing to read.
pub(crate) fn understood(
    options: &Options,
    messages: &Messages,
    is_enough: impl FnOnce(&ServerConf) -> bool,
) -> Result<ServerConf, Ended> {
    let configured = configured(options, messages)?;
    if !is_enough(&configured.conf) {
        report(&configured.diagnostics, &configured.sources, messages);
    }
    Ok(configured.conf)
}

fn configured(options: &Options, messages: &Messages) -> Result<Configured, Ended> {
    let failed = |text: String| {
        messages.say(format_args!("proxyd: {text}"));
        Ended::NotStarted
    };
    let input = input(options).map_err(failed)?;
    let statics = statics::modules().map_err(failed)?;
    let files = Files::new(&input.main, &input.server_root);
    let mut configured = configure(&input, &files, &preflight::loader(), statics);
    check_formats(&configured.tree, &configured.sources, &mut configured.diagnostics);
    Ok(configured)
}

/// Begins the modules and builds the generation, beside the one in force if there is one; all that is wrong is said.
///
/// # Errors
/// If anything was.
pub(crate) fn build(
    configured: Configured,
    messages: &Messages,
    in_force: Option<&Generation>,
) -> Result<Built, Ended> {
    let Configured { conf, modules, sources, defines, .. } = configured;
    let caller = Caller::new(u32::MAX);
    caller.set_now(proxy_http::executor::monotonic());
    match Generation::build_after(conf, &modules, &caller, in_force) {
        Ok(generation) => Ok(Built { generation, sources, defines }),
        Err(diagnostics) => {
            report(&diagnostics, &sources, messages);
            Err(Ended::NotStarted)
        }
    }
}

/// Whether there is a configuration to read: `-L` can do without.
pub(crate) fn is_there(options: &Options) -> bool {
    !options.before.is_empty() || locate(options).is_ok_and(|found| !found.is_default || found.file.exists())
}

fn locate(options: &Options) -> Result<ConfigPath, String> {
    let current_dir =
        std::env::current_dir().map_err(|error| format!("the current directory cannot be told: {error}"))?;
    let around = Surroundings {
        current_dir: &current_dir,
        variable: std::env::var_os("PROXYD_CONF").filter(|value| !value.is_empty()).map(PathBuf::from),
        exists: &|path| path.exists(),
    };
    Ok(config_path::find(options.config.as_deref(), options.root.as_deref(), &around))
}

fn input(options: &Options) -> Result<Input, String> {
    let found = locate(options)?;
    let beside = !options.before.is_empty() || !options.after.is_empty();
    if found.is_default && !beside && !found.file.exists() {
        return Err(format!(
            "there is no configuration {}: name one with -f, or the directory above its conf/ with -d; \
             'proxyd demo' needs none",
            found.file.display()
        ));
    }
    Ok(Input {
        defines: options.define_pairs(),
        before: options.before.clone(),
        after: options.after.clone(),
        main_may_be_missing: found.is_default && beside,
        ..Input::new(found.file, found.server_root)
    })
}

/// Says what was found, in the order in which it was: warnings, and as many errors as anybody reads.
fn report(diagnostics: &Diagnostics, sources: &Sources, messages: &Messages) {
    let mut errors = 0;
    for diagnostic in diagnostics {
        errors += usize::from(diagnostic.severity == Severity::Error);
        if errors <= SHOWN {
            messages.say(sources.render(diagnostic));
        }
    }
    if let Some(more @ 1..) = errors.checked_sub(SHOWN) {
        let s = if more == 1 { "" } else { "s" };
        messages.say(format_args!("proxyd: and {more} more error{s}"));
    }
}
