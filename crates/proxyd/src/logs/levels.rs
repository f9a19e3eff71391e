//! `LogLevel`: how loud whose lines may be.

use proxy_core::conf::{LogLevel, LogLevels};
use proxy_core::module::module_answers_to;
use tracing::Level;
use tracing::level_filters::LevelFilter;

/// What the error log holds: a level for all, and others for modules and parts of the server.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    default: Level,
    /// The last one that a name answers to decides.
    named: Vec<(String, Level)>,
}

impl Levels {
    pub(crate) const fn all(default: Level) -> Self {
        Self { default, named: Vec::new() }
    }

    /// As configured, but everything at least as loud as `least`.
    pub(crate) fn of(conf: &LogLevels, least: Option<Level>) -> Self {
        let level = |level: LogLevel| level_of(level).max(least.unwrap_or(Level::ERROR));
        let named = conf.modules.iter().map(|(name, of)| (name.clone(), level(*of))).collect();
        Self { default: level(conf.default), named }
    }

    /// Whether a line of `who`, a module's ident or a part of the server, is wanted.
    pub(crate) fn allow(&self, who: &str, level: Level) -> bool {
        let answers = |name: &str| module_answers_to(who, name) || who.eq_ignore_ascii_case(name);
        let named = self.named.iter().rev().find(|(name, _)| answers(name));
        level <= named.map_or(self.default, |(_, level)| *level)
    }

    /// The loudest of all.
    pub(crate) fn loudest(&self) -> Level {
        self.named.iter().map(|(_, level)| *level).fold(self.default, Ord::max)
    }

    /// Below this nothing need even be said.
    pub(crate) fn filter(&self) -> LevelFilter {
        // What the server itself says of its life is always written.
        LevelFilter::from_level(self.loudest().max(Level::INFO))
    }
}

/// A level by httpd's name, as `-e` gives it.
pub(crate) fn level_by_name(name: &str) -> Option<Level> {
    Some(match name.to_ascii_lowercase().as_str() {
        "emerg" | "alert" | "crit" | "error" => Level::ERROR,
        "warn" => Level::WARN,
        "notice" | "info" => Level::INFO,
        "debug" => Level::DEBUG,
        "trace1" | "trace2" | "trace3" | "trace4" | "trace5" | "trace6" | "trace7" | "trace8" => Level::TRACE,
        _ => return None,
    })
}

const fn level_of(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_answers_decides() {
        let conf = LogLevels {
            default: LogLevel::Warn,
            modules: vec![
                ("mod_proxy_lb".to_owned(), LogLevel::Info),
                ("http".to_owned(), LogLevel::Debug),
                ("proxy_lb_module".to_owned(), LogLevel::Error),
            ],
        };
        let levels = Levels::of(&conf, None);
        let table = [
            ("core", Level::WARN, true),
            ("core", Level::INFO, false),
            ("http", Level::DEBUG, true),
            ("http", Level::TRACE, false),
            ("proxy_lb_module", Level::WARN, false),
            ("proxy_lb_module", Level::ERROR, true),
        ];
        for (who, level, wanted) in table {
            assert_eq!(levels.allow(who, level), wanted, "{who}:{level}");
        }
        assert_eq!(levels.loudest(), Level::DEBUG);
        let debug = Levels::of(&conf, Some(Level::DEBUG));
        assert!(debug.allow("core", Level::DEBUG) && debug.allow("proxy_lb_module", Level::DEBUG));
    }
}
