//! The services of the server: one table of functions, all of which a module may call and none of which unwinds.

use core::ffi::c_void;
use core::fmt;
use core::sync::atomic::AtomicU8;

use crate::{
    Bytes, Call, ErrSink, HookDecl, HookImpl, KeepDecl, Module, Provided, Provider, ProviderDecl, Status,
};

/// In [`Host::flags`]: this module is compiled into the server, whose loggers are its own.
pub const STATIC_MODULE: u32 = 1;

/// Opaque: what `init` registers with. Nothing counts unless `init` returns OK.
#[repr(C)]
pub struct Registrar {
    // Atomic in all opaque types: behind a reference to plain bytes, the compiler may take it that nothing changes, and
    // what the host has there does.
    opaque: [AtomicU8; 0],
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registrar")
    }
}

/// Opaque: a hook's implementations, as a module that runs it holds them. Lives as long as the generation whose `init`
/// asked for it.
#[repr(C)]
pub struct Runner {
    opaque: [AtomicU8; 0],
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}

/// Opaque: a piece of configuration.
#[repr(C)]
pub struct Value {
    opaque: [AtomicU8; 0],
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value")
    }
}

/// The shape of a [`Value`]. Numbers and flags are text: the host keeps what was written.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueKind(pub u32);

impl ValueKind {
    /// Nothing.
    pub const NULL: Self = Self(0);
    /// Text.
    pub const TEXT: Self = Self(1);
    /// Values in order.
    pub const LIST: Self = Self(2);
    /// Values by key, in order.
    pub const MAP: Self = Self(3);
}

/// How loud a line of the log is; smaller is graver.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub u32);

impl Level {
    /// Something is broken.
    pub const ERROR: Self = Self(1);
    /// Something is odd.
    pub const WARN: Self = Self(2);
    /// Worth knowing.
    pub const INFO: Self = Self(3);
    /// For those who look for a fault.
    pub const DEBUG: Self = Self(4);
    /// Every step.
    pub const TRACE: Self = Self(5);
}

/// One `key=value` of a line of the log.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LogField<'a> {
    /// The key.
    pub key: Bytes<'a>,
    /// The value as text.
    pub value: Bytes<'a>,
}

/// What a module's memory belongs to.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobKind(pub u32);

impl BlobKind {
    /// A cluster of the generation.
    pub const CLUSTER: Self = Self(1);
    /// An endpoint of the generation.
    pub const ENDPOINT: Self = Self(2);
}

/// Makes or destroys one blob in place.
pub type BlobFn = unsafe extern "C" fn(blob: *mut c_void);

/// A cluster that a module makes from its directives.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ClusterDecl<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// Reserved, zero.
    pub flags: u32,
    /// Its name.
    pub name: Bytes<'a>,
    /// The configuration value that names it, for messages; may be null.
    pub at: *const Value,
}

/// An endpoint of such a cluster.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EndpointDecl<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// Relative capacity; 0 means 1.
    pub weight: u32,
    /// `http://host[:port]`.
    pub url: Bytes<'a>,
    /// The configuration value that names it, for messages; may be null.
    pub at: *const Value,
}

/// The table. Lives as long as the process.
///
/// Out-parameters may be null: what is not wanted is not written. A null value is [`ValueKind::NULL`], without text
/// or members. A null declaration is answered by [`Status::ABI`].
///
/// # Safety of its rows
/// Those that are `unsafe` read what raw pointers in their arguments lead to, keep functions of the module, or answer
/// bytes that live until `init` returns, whatever the lifetime of the place says. The others take any arguments.
#[repr(C)]
pub struct Host {
    /// Bytes of this struct.
    pub size: u32,
    /// [`MAJOR`](crate::MAJOR) of the server.
    pub major: u16,
    /// [`MINOR`](crate::MINOR) of the server.
    pub minor: u16,
    /// [`STATIC_MODULE`].
    pub flags: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// The loudest [`Level`] that any module's lines are written at; read it before making a line.
    pub max_level: *const AtomicU8,
    /// Writes a line to the error log, under the module's ident. Any thread.
    #[allow(clippy::type_complexity, reason = "a row of a table of functions")]
    pub log: unsafe extern "C" fn(
        host: &Self,
        module: Option<&Module>,
        level: Level,
        target: Bytes<'_>,
        file: Bytes<'_>,
        line: u32,
        message: Bytes<'_>,
        fields: *const LogField<'_>,
        nfields: u32,
    ),
    /// Says what is wrong; the message is copied. `at` is the configuration value meant, or null.
    pub set_error: extern "C" fn(host: &Self, err: &ErrSink, code: i32, message: Bytes<'_>, at: *const Value),
    /// Declares a hook. In `init` only.
    pub declare_hook: unsafe extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        decl: Option<&HookDecl<'_>>,
    ) -> Status,
    /// Implements a hook. In `init` only.
    pub hook: unsafe extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        hook: Option<&HookImpl<'_>>,
    ) -> Status,
    /// Makes a cluster and answers its number within this `init`. In `init` only.
    pub cluster: extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        decl: Option<&ClusterDecl<'_>>,
        cluster: Option<&mut u32>,
    ) -> Status,
    /// Adds an endpoint to a cluster that this `init` made. In `init` only.
    pub endpoint: extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        cluster: u32,
        decl: Option<&EndpointDecl<'_>>,
        id: Option<&mut u64>,
    ) -> Status,
    /// Asks for `size` bytes beside each object of a kind, aligned to `align` (at most 64), and answers the
    /// offset in the object's `blob`. `ctor` may be null: zeroed memory. In `init` only.
    pub blob: unsafe extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        kind: BlobKind,
        size: u32,
        align: u32,
        ctor: Option<BlobFn>,
        dtor: Option<BlobFn>,
        offset: Option<&mut u32>,
    ) -> Status,
    /// The shape of a value.
    pub value_kind: unsafe extern "C" fn(value: Option<&Value>) -> ValueKind,
    /// Its text; OK only for [`ValueKind::TEXT`]. Valid until `init` returns.
    pub value_text: unsafe extern "C" fn(value: Option<&Value>, text: Option<&mut Bytes<'_>>) -> Status,
    /// How many values a list or a map holds, else 0.
    pub value_len: unsafe extern "C" fn(value: Option<&Value>) -> usize,
    /// The `index`th value of a list or a map, with its key if there is one; null past the end.
    pub value_at: unsafe extern "C" fn(
        value: Option<&Value>,
        index: usize,
        key: Option<&mut Bytes<'_>>,
    ) -> *const Value,
    /// An extension by name and signature, or null. This version has none.
    pub get_ext: extern "C" fn(host: &Self, id: Bytes<'_>, sig: u64) -> *const c_void,
    /// Asks to run a hook, of whoever declares it; `proxy.load_balance` is run by the server alone. In `init` only.
    pub runner: unsafe extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        name: Bytes<'_>,
        sig: u64,
        runner: Option<&mut *const Runner>,
    ) -> Status,
    /// Runs a hook as its kind says, each implementation with the circumstances of `call`, and answers what they
    /// came to: DECLINED if nobody has anything to say. `key` is for KEYED hooks. LIMIT if an implementation is
    /// running already further up, or at the ninth run within a run. Any thread that has a call.
    #[allow(clippy::type_complexity, reason = "a row of a table of functions")]
    pub run_hook: unsafe extern "C" fn(
        host: &Self,
        call: &Call<'_>,
        runner: *const Runner,
        key: Bytes<'_>,
        input: *const c_void,
        output: *mut c_void,
    ) -> Status,
    /// Provides a function under a group and a name, which only one module may provide. In `init` only.
    pub provide: unsafe extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        decl: Option<&ProviderDecl<'_>>,
    ) -> Status,
    /// Looks up a function, of whoever provides it, loaded before or after. Answers OK also if nobody does, which
    /// only [`provided`](Self::provided) tells. In `init` only.
    pub provider: unsafe extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        group: Bytes<'_>,
        name: Bytes<'_>,
        sig: u64,
        provider: Option<&mut *const Provider>,
    ) -> Status,
    /// The function that was looked up; null if nobody provides it, if it has another signature, or until all
    /// modules have begun. Any thread.
    pub provided: unsafe extern "C" fn(host: &Self, provider: *const Provider) -> *const Provided,
    /// Calls it in the circumstances of `call`. LIMIT if it is running already further up, or at the ninth call within
    /// a call, runs of hooks included. Any thread that has a call.
    #[allow(clippy::type_complexity, reason = "a row of a table of functions")]
    pub call_provided: unsafe extern "C" fn(
        host: &Self,
        call: &Call<'_>,
        provided: *const Provided,
        input: *const c_void,
        output: *mut c_void,
    ) -> Status,
    /// Keeps a blob over reloads. In `init` only, after [`blob`](Self::blob).
    pub keep: unsafe extern "C" fn(
        host: &Self,
        registrar: Option<&Registrar>,
        decl: Option<&KeepDecl<'_>>,
    ) -> Status,
}

// SAFETY: F7, read-only data; `max_level` is an atomic that lives as long as the process.
unsafe impl Send for Host {}
// SAFETY: F7, likewise.
unsafe impl Sync for Host {}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host {}.{}", self.major, self.minor)
    }
}
