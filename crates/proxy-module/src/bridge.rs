//! In a loaded module: sends `tracing` events and panics to the server's log.
//!
//! A loaded file has copies of its own of `tracing` and of the standard library, so that without this its
//! lines would go nowhere and its panics to standard error. In a compiled-in module both are the server's, and
//! nothing is installed.

use std::fmt::{self, Write as _};
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::thread;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use crate::abi::{Bytes, Host, Level, LogField, Module as Record, STATIC_MODULE};
use crate::ffi::host::{log, max_level};
use crate::guard;

/// Installs subscriber and panic hook, once in each loaded file. Lines go under the ident of the file's first
/// module that begins.
pub(crate) fn install(host: &'static Host, module: &'static Record) {
    static ONCE: Once = Once::new();
    if host.flags & STATIC_MODULE != 0 {
        return;
    }
    ONCE.call_once(|| {
        let log = Log { host, module };
        // Fails if the module has installed a subscriber of its own, which then is its author's wish.
        let _ = tracing::subscriber::set_global_default(log);
        panic::set_hook(Box::new(move |info| log.panic(info)));
    });
}

/// What sends `tracing` events to `host`'s log under the ident of `module`.
pub(crate) fn subscriber(host: &'static Host, module: &'static Record) -> impl Subscriber + use<> {
    Log { host, module }
}

/// Remembers where this thread panics, so that the error text of a compiled-in module names the place.
///
/// The server calls it from its own panic hook; in a loaded module the SDK's hook does.
pub fn remember_panic(info: &PanicHookInfo<'_>) {
    if let Some(location) = info.location() {
        guard::remember(location);
    }
}

/// The server's log, seen from one module.
#[derive(Clone, Copy)]
struct Log {
    host: &'static Host,
    module: &'static Record,
}

impl Log {
    /// On a thread of the server the panic is caught by a guard, which tells of it: one fault, one line. Only this
    /// image's own threads have a name here.
    fn panic(self, info: &PanicHookInfo<'_>) {
        remember_panic(info);
        let level = if thread::current().name().is_some() { Level::ERROR } else { Level::DEBUG };
        if level > max_level(self.host) {
            return;
        }
        let (file, line) = info.location().map_or(("", 0), |location| (location.file(), location.line()));
        let message = format!("panicked: {}", guard::message(info.payload()));
        self.line(level, "panic", file, line, &message, &[]);
    }

    fn line(self, level: Level, target: &str, file: &str, line: u32, message: &str, fields: &[LogField<'_>]) {
        let (target, file, message) = (Bytes::of(target), Bytes::of(file), Bytes::of(message));
        log(self.host, self.module, level, [target, file, message], line, fields);
    }
}

impl Subscriber for Log {
    /// Asked again for each event, since the level may change at any time.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_span() { Interest::never() } else { Interest::sometimes() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && level(*metadata.level()) <= max_level(self.host)
    }

    fn event(&self, event: &Event<'_>) {
        let mut texts = Texts::default();
        event.record(&mut texts);
        let fields: Vec<_> = texts.fields.iter().map(field).collect();
        let about = event.metadata();
        let (file, line) = (about.file().unwrap_or_default(), about.line().unwrap_or_default());
        self.line(level(*about.level()), about.target(), file, line, &texts.message, &fields);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &SpanRecord<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::ERROR => Level::ERROR,
        tracing::Level::WARN => Level::WARN,
        tracing::Level::INFO => Level::INFO,
        tracing::Level::DEBUG => Level::DEBUG,
        tracing::Level::TRACE => Level::TRACE,
    }
}

fn field<'a>((key, value): &'a (&'static str, String)) -> LogField<'a> {
    LogField { key: Bytes::of(key), value: Bytes::of(value) }
}

/// An event's message and fields as text.
#[derive(Default)]
struct Texts {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Texts {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name() == "message" {
            let _ = self.message.write_fmt(value);
        } else {
            self.fields.push((field.name(), value.to_string()));
        }
    }
}

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}
