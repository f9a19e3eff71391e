//! The services of the server, as modules reach them: two tables of the same functions, one for modules that
//! came from files and one for those compiled in.
//!
//! No function unwinds, prints or panics on what a module hands in.
//!
//! # Lines of modules in the log
//! [`Host::log`] makes a `tracing` event with the fixed target [`LOG_TARGET`] and these fields:
//!
//! | field | type | content |
//! |---|---|---|
//! | `message` | arguments | the text, then each of the line's own fields as ` key=value` |
//! | `module` | str | the module's ident: what `LogLevel x_module:debug` means |
//! | `origin` | str | the module's own target, mostly a Rust module path; may be empty |
//! | `file` | str | its source file; may be empty |
//! | `line` | u64 | the line there; 0 if unknown |
//!
//! Bytes that are not UTF-8 are replaced; control characters are left for the log to escape.

use std::ffi::c_void;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};

use proxy_abi::{
    Bytes, ErrSink, Host, Level, LogField, MAJOR, MINOR, Module, RawBytes, STATIC_MODULE, Status,
    Value as Opaque, ValueKind as Kind,
};
use proxy_core::value::{Value, ValueKind};

use crate::record::lossy;
use crate::{provided, register, run};

/// The `tracing` target of all lines that modules write.
pub const LOG_TARGET: &str = "module";

static MAX_LEVEL: AtomicU8 = AtomicU8::new(Level::INFO.0 as u8);

/// For modules from files.
pub(crate) static SHARED: Host = table(0);
/// For modules compiled in.
pub(crate) static STATIC: Host = table(STATIC_MODULE);

/// Sets the loudest level at which any module's lines are written. Modules read it before they make a line. Any
/// thread, at any time; `INFO` until then.
pub fn set_max_level(level: Level) {
    MAX_LEVEL.store(u8::try_from(level.0).unwrap_or(u8::MAX), Ordering::Relaxed);
}

const fn table(flags: u32) -> Host {
    Host {
        size: size_of::<Host>() as u32,
        major: MAJOR,
        minor: MINOR,
        flags,
        reserved: 0,
        max_level: &raw const MAX_LEVEL,
        log,
        set_error,
        declare_hook: register::declare_hook,
        hook: register::hook,
        cluster: register::cluster,
        endpoint: register::endpoint,
        blob: register::blob,
        value_kind,
        value_text,
        value_len,
        value_at,
        get_ext,
        runner: register::runner,
        run_hook: run::run_hook,
        provide: register::provide,
        provider: register::provider,
        provided: provided::provided,
        call_provided: provided::call_provided,
        keep: register::keep,
    }
}

/// Runs a host function so that nothing of it unwinds into the module; answers `otherwise` if it would.
pub(crate) fn guard<R>(otherwise: R, act: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|payload| {
        // Dropping it could panic again.
        std::mem::forget(payload);
        otherwise
    })
}

#[allow(clippy::too_many_arguments, reason = "a row of the table of functions")]
extern "C" fn log(
    _host: &Host,
    module: Option<&Module>,
    level: Level,
    target: Bytes<'_>,
    file: Bytes<'_>,
    line: u32,
    message: Bytes<'_>,
    fields: *const LogField<'_>,
    nfields: u32,
) {
    guard((), || {
        if level.0 > u32::from(MAX_LEVEL.load(Ordering::Relaxed)) {
            return;
        }
        let mut text = lossy(message);
        for field in log_fields(fields, nfields) {
            let [key, value] = [field.key, field.value].map(lossy);
            let _ = write!(text, " {key}={value}");
        }
        let ident = module.map_or(Bytes::EMPTY, |module| module.ident);
        emit(level, &lossy(ident), &lossy(target), &lossy(file), line, &text);
    });
}

fn log_fields<'a>(fields: *const LogField<'a>, count: u32) -> &'a [LogField<'a>] {
    if fields.is_null() {
        return &[];
    }
    // SAFETY: F1, the module keeps `count` fields there until the call returns.
    unsafe { std::slice::from_raw_parts(fields, count as usize) }
}

/// `tracing` wants each event's level and target in its source.
fn emit(level: Level, module: &str, origin: &str, file: &str, line: u32, text: &str) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(target: LOG_TARGET, tracing::Level::$level, module, origin, file, line, "{text}")
        };
    }
    match level {
        Level::ERROR => event!(ERROR),
        Level::WARN => event!(WARN),
        Level::INFO => event!(INFO),
        Level::DEBUG => event!(DEBUG),
        Level::TRACE => event!(TRACE),
        // A number from nowhere is no reason to lose the line.
        _ => event!(ERROR),
    }
}

extern "C" fn set_error(_host: &Host, err: &ErrSink, code: i32, message: Bytes<'_>, at: *const Opaque) {
    guard((), || err.set(code, message.as_slice(), at.addr()));
}

extern "C" fn value_kind(value: Option<&Opaque>) -> Kind {
    guard(Kind::NULL, || match value.map(|value| &known(value).kind) {
        None | Some(ValueKind::Null) => Kind::NULL,
        Some(ValueKind::Text(_)) => Kind::TEXT,
        Some(ValueKind::List(_)) => Kind::LIST,
        Some(ValueKind::Map(_)) => Kind::MAP,
    })
}

extern "C" fn value_text(value: Option<&Opaque>, text: Option<&mut Bytes<'_>>) -> Status {
    guard(Status::PANICKED, || match value.map(|value| &known(value).kind) {
        Some(ValueKind::Text(written)) => {
            if let Some(text) = text {
                *text = until_init_returns(written);
            }
            Status::OK
        }
        _ => Status::ERROR,
    })
}

extern "C" fn value_len(value: Option<&Opaque>) -> usize {
    guard(0, || value.map_or(0, |value| known(value).len()))
}

extern "C" fn value_at(value: Option<&Opaque>, index: usize, key: Option<&mut Bytes<'_>>) -> *const Opaque {
    guard(std::ptr::null(), || {
        let member = value.and_then(|value| known(value).at(index));
        let Some((name, value)) = member else { return std::ptr::null() };
        if let Some(key) = key {
            *key = until_init_returns(name.unwrap_or_default());
        }
        std::ptr::from_ref(value).cast()
    })
}

extern "C" fn get_ext(_host: &Host, _id: Bytes<'_>, _sig: u64) -> *const c_void {
    std::ptr::null()
}

/// The value that the core handed to `init`, or one inside it.
fn known(value: &Opaque) -> &Value {
    // SAFETY: F1, modules have values only from `init` and from `value_at`, and only until `init` returns.
    unsafe { &*std::ptr::from_ref(value).cast::<Value>() }
}

/// Text of a value: it lives as long as the value, which no lifetime of these calls can tell.
fn until_init_returns<'a>(text: &str) -> Bytes<'a> {
    // SAFETY: F1, the place says it: the configuration is kept until `init` returns.
    unsafe { RawBytes::of(text.as_bytes()).as_bytes() }
}
