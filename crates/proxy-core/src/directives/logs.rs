//! Logs: ErrorLog, LogLevel, LogFormat, CustomLog.

use proxy_config::args::Args;
use proxy_config::{Diagnostic, Node, Word};

use super::arg;
use super::server::path;
use crate::conf::{AccessLog, LogLevel, LogTarget};
use crate::directive::{Directive, GLOBAL, HOSTS};
use crate::lower::Lowering;

inventory::submit!(Directive::line(
    "ErrorLog",
    GLOBAL,
    Args::Take1,
    "the file for errors; /dev/stderr by default",
    error_log
));
inventory::submit!(Directive::line(
    "LogLevel",
    GLOBAL,
    Args::Iterate,
    "how much the error log holds: a level, and module:level for single modules",
    log_level
));
inventory::submit!(Directive::line(
    "LogFormat",
    GLOBAL,
    Args::Take2,
    "a format for access logs, and a name for it",
    log_format
));
inventory::submit!(Directive::line(
    "CustomLog",
    HOSTS,
    Args::Take2,
    "the file for a line about each request, and its format or the name of one",
    custom_log
));

fn error_log(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.conf.error_log = target(lowering, arg(node, 0)?)?;
    Ok(())
}

fn target(lowering: &Lowering<'_>, word: &Word) -> Result<LogTarget, Diagnostic> {
    let text = word.text.as_str();
    if text.starts_with('|') || text == "syslog" || text.starts_with("syslog:") {
        let message = format!("`{text}` is not a file: programs and syslog are not supported");
        return Err(
            Diagnostic::error(word.span, message).with_help("log to /dev/stderr and pipe it from there")
        );
    }
    Ok(match text {
        "/dev/stderr" => LogTarget::Stderr,
        "/dev/stdout" => LogTarget::Stdout,
        "/dev/null" => LogTarget::Off,
        _ => LogTarget::File(path(lowering, word)?),
    })
}

/// A level without a module's name counts for all modules again, as in httpd.
fn log_level(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    for word in &node.args {
        let (module, level) = match word.text.rsplit_once(':') {
            Some((module, level)) => (Some(module), level),
            None => (None, word.text.as_str()),
        };
        let level = level_of(level).ok_or_else(|| not_a_level(word, level))?;
        let levels = &mut lowering.conf.log_level;
        let Some(module) = module else {
            levels.default = level;
            levels.modules.clear();
            continue;
        };
        levels.modules.retain(|(name, _)| name != module);
        levels.modules.push((module.to_owned(), level));
        lowering.check_module_name(word, module);
    }
    Ok(())
}

const LEVELS: [(&str, LogLevel); 16] = [
    ("emerg", LogLevel::Error),
    ("alert", LogLevel::Error),
    ("crit", LogLevel::Error),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("notice", LogLevel::Info),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace1", LogLevel::Trace),
    ("trace2", LogLevel::Trace),
    ("trace3", LogLevel::Trace),
    ("trace4", LogLevel::Trace),
    ("trace5", LogLevel::Trace),
    ("trace6", LogLevel::Trace),
    ("trace7", LogLevel::Trace),
    ("trace8", LogLevel::Trace),
];

fn level_of(text: &str) -> Option<LogLevel> {
    LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, level)| *level)
}

fn not_a_level(word: &Word, level: &str) -> Diagnostic {
    Diagnostic::error(word.span, format!("`{level}` is not a log level"))
        .with_help("write one of error, warn, notice, info, debug, trace1 to trace8")
}

fn log_format(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let (format, name) = (arg(node, 0)?, arg(node, 1)?);
    if name.text.is_empty() || name.text.contains('%') {
        return Err(Diagnostic::error(name.span, format!("`{}` cannot name a log format", name.text)));
    }
    let formats = &mut lowering.conf.log_formats;
    formats.retain(|(known, _)| *known != name.text);
    formats.push((name.text.clone(), format.text.clone()));
    Ok(())
}

/// The format may be a name that a later line defines: names are resolved at the end.
fn custom_log(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let target = target(lowering, arg(node, 0)?)?;
    let format = arg(node, 1)?;
    let log = AccessLog { target, format: format.text.clone(), span: Some(format.span) };
    lowering.server().access_logs.push(log);
    Ok(())
}
