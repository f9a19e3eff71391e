//! The error log: a `tracing` layer that writes `[time] [module:level] [pid N:tid M] PXnnnn: text key=value …`,
//! one event a line, whatever the event says.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::append::Appender;
use super::escape::{Escaping, escape_into};
use super::levels::Levels;
use super::stamp::Stamp;

#[cfg(test)]
mod tests;

/// The longest line, its end included.
const LONGEST: usize = 8 * 1024;

/// Target and levels; both change once the configuration is read.
#[derive(Debug)]
pub(crate) struct ErrorLog {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    levels: Levels,
    appender: Appender,
}

impl ErrorLog {
    pub(crate) fn new(levels: Levels, appender: Appender) -> Arc<Self> {
        appender.set_holds_errors(true);
        Arc::new(Self { state: RwLock::new(State { levels, appender }) })
    }

    /// Goes on with other levels and another target.
    pub(crate) fn change(&self, levels: Levels, appender: Appender) {
        let next = State { levels, appender: appender.clone() };
        let old = std::mem::replace(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), next);
        // In this order, as both may be the same.
        old.appender.set_holds_errors(false);
        appender.set_holds_errors(true);
        // Closing it may log something.
        drop(old);
        // Call sites remember whether anybody wants to hear them.
        tracing::callsite::rebuild_interest_cache();
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error log as a layer.
#[derive(Debug)]
pub(crate) struct ErrorLayer(pub(crate) Arc<ErrorLog>);

impl<S: Subscriber> Layer<S> for ErrorLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // Whose line it is, and so whether it is wanted, is known from its fields only.
        metadata.is_event() && *metadata.level() <= self.0.state().levels.filter()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.state().levels.filter())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Taken, not borrowed: formatting a field may make an event of its own, and so may a line that is written
        // after others were lost.
        let mut line = LINE.take();
        let appender = {
            let state = self.0.state();
            line.spell(event, &state.levels).then(|| state.appender.clone())
        };
        if let Some(appender) = appender {
            appender.append(&line.bytes);
        }
        LINE.set(line);
    }
}

thread_local! {
    static LINE: RefCell<Line> = const { RefCell::new(Line::new()) };
}

/// What a line is put together in.
#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    fields: Vec<u8>,
    module: Vec<u8>,
    code: Vec<u8>,
    stamp: Stamp,
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            fields: Vec::new(),
            module: Vec::new(),
            code: Vec::new(),
            stamp: Stamp::error(),
        }
    }

    /// Spells an event; false if it is not wanted.
    fn spell(&mut self, event: &Event<'_>, levels: &Levels) -> bool {
        let (metadata, level) = (event.metadata(), *event.metadata().level());
        for part in [&mut self.bytes, &mut self.fields, &mut self.module, &mut self.code] {
            part.clear();
        }
        event.record(&mut Fields { line: self, of_module: metadata.target() == proxy_dso::LOG_TARGET });
        if self.module.is_empty() {
            part_of(metadata.target(), &mut self.module);
        }
        // What the server says of its own life is httpd's `notice`, which no level suppresses there either.
        let notice = level == Level::INFO && metadata.target().starts_with("proxyd");
        let who = std::str::from_utf8(&self.module).unwrap_or_default();
        if !notice && !levels.allow(who, level) {
            return false;
        }
        self.head(SystemTime::now(), if notice { "notice" } else { word(level) });
        self.bytes.append(&mut self.fields);
        self.bytes.truncate(LONGEST - 1);
        self.bytes.push(b'\n');
        true
    }

    fn head(&mut self, now: SystemTime, level: &str) {
        let micros = now.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_micros();
        let (before, year) = self.stamp.at(now).rsplit_once(' ').unwrap_or_default();
        let (pid, tid) = (rustix::process::getpid(), rustix::thread::gettid());
        // Writing to memory cannot fail.
        let _ = write!(self.bytes, "[{before}.{micros:06} {year}] [");
        self.bytes.append(&mut self.module);
        let _ = write!(self.bytes, ":{level}] [pid {pid}:tid {tid}]");
        if !self.code.is_empty() {
            self.bytes.push(b' ');
            self.bytes.append(&mut self.code);
            self.bytes.push(b':');
        }
    }
}

/// Sorts an event's fields into a line.
struct Fields<'a> {
    line: &'a mut Line,
    of_module: bool,
}

impl Fields<'_> {
    fn text(&mut self, field: &Field, value: &dyn fmt::Display) {
        let (line, name) = (&mut *self.line, field.name());
        let part = match name {
            "message" => {
                // The message stands before all other fields, wherever it comes in the event.
                let others = std::mem::take(&mut line.fields);
                line.fields.push(b' ');
                let _ = write!(Escaping { line: &mut line.fields, quotes: false }, "{value}");
                line.fields.extend_from_slice(&others);
                return;
            }
            "module" => &mut line.module,
            "code" => &mut line.code,
            // Where in a module's source a line was written is not for the operator.
            "origin" | "file" | "line" if self.of_module => return,
            _ => {
                let _ = write!(line.fields, " {name}=");
                &mut line.fields
            }
        };
        let _ = write!(Escaping { line: part, quotes: false }, "{value}");
    }

    fn number(&mut self, field: &Field, value: &dyn fmt::Display) {
        // A module's place in the load order is not its name.
        match field.name() {
            name @ ("module" | "code") => {
                let _ = write!(self.line.fields, " {name}={value}");
            }
            _ => self.text(field, value),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field, &value);
    }
}

/// The part of the server that a `tracing` target belongs to: `proxy_http::upstream` is `http`, `proxyd` is
/// `server`, a compiled-in `mod_x` is `x_module`.
fn part_of(target: &str, part: &mut Vec<u8>) {
    let krate = target.split("::").next().unwrap_or(target);
    if krate == "proxyd" {
        part.extend_from_slice(b"server");
    } else if let Some(stem) = krate.strip_prefix("mod_") {
        escape_into(part, stem.as_bytes(), false);
        part.extend_from_slice(b"_module");
    } else {
        escape_into(part, krate.strip_prefix("proxy_").unwrap_or(krate).as_bytes(), false);
    }
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace1",
    }
}
