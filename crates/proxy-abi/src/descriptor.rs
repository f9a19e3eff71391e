//! A module's record and the ELF note that states the same facts without any of its code being run.

use core::ffi::c_void;
use core::fmt;
use core::mem::offset_of;

use crate::{Bytes, Call, Host, Registrar, Status, Value};

/// `PXMODULE` in memory order.
pub const MAGIC: u64 = u64::from_le_bytes(*b"PXMODULE");
/// The ELF section that carries the note.
pub const NOTE_SECTION: &str = ".note.proxyd.module";
/// The note's owner, with its final zero.
pub const NOTE_OWNER: [u8; 7] = *b"PROXYD\0";
/// The note's type: one module.
pub const NOTE_TYPE_MODULE: u32 = 1;

/// Facts about a module, in its record and its note alike.
pub mod flags {
    /// Every entry point catches unwinding, and the module unwinds rather than aborts.
    pub const GUARDED: u32 = 1;
    /// Written in Rust; then [`GUARDED`] is required.
    pub const RUST: u32 = 2;
    /// Starts threads of its own.
    pub const THREADS: u32 = 4;
}

/// Where a directive may stand.
pub mod scopes {
    /// The main server.
    pub const SERVER: u32 = 1;
    /// `<VirtualHost>`.
    pub const VHOST: u32 = 2;
    /// `<Location>`.
    pub const LOCATION: u32 = 4;
    /// `<Proxy>`.
    pub const CLUSTER: u32 = 8;
}

/// `init`: makes the instance that one generation uses, and registers what it implements. Has no effect outside
/// memory: no sockets, threads or files.
pub type InitFn = unsafe extern "C" fn(
    host: &Host,
    module: &Module,
    config: &Value,
    call: &Call<'_>,
    registrar: &Registrar,
    state: &mut *mut c_void,
) -> Status;

/// `fini`: the last call for that instance.
pub type FiniFn = unsafe extern "C" fn(state: *mut c_void);

/// The record a module exports under its ident. Read-only data.
#[repr(C)]
pub struct Module {
    /// [`MAGIC`].
    pub magic: u64,
    /// Bytes of this struct.
    pub size: u32,
    /// The major it was built for.
    pub major: u16,
    /// The lowest minor it can live with.
    pub minor_min: u16,
    /// The minor it was built with.
    pub minor_built: u16,
    /// Reserved, zero.
    pub reserved: u16,
    /// See [`flags`].
    pub flags: u32,
    /// The symbol's own name, as in LoadModule.
    pub ident: Bytes<'static>,
    /// The module's version.
    pub version: Bytes<'static>,
    /// Compiler and SDK, for messages.
    pub build: Bytes<'static>,
    /// Its directives.
    pub directives: *const Directive,
    /// How many.
    pub ndirectives: u32,
    /// Bytes from one to the next.
    pub directive_stride: u32,
    /// Required.
    pub init: Option<InitFn>,
    /// Required.
    pub fini: Option<FiniFn>,
}

// SAFETY: F7, read-only data that lives as long as the process.
unsafe impl Send for Module {}
// SAFETY: F7, likewise.
unsafe impl Sync for Module {}

/// The record of a module that is compiled in, with the promise that it is a whole one.
#[derive(Clone, Copy, Debug)]
pub struct StaticRecord(&'static Module);

impl StaticRecord {
    /// A module's own record.
    ///
    /// # Safety
    /// `directives` has `ndirectives` entries, `directive_stride` bytes apart; `init` and `fini` obey their contracts
    /// and belong together. The SDK's `module!` makes such records.
    #[must_use]
    pub const unsafe fn new(module: &'static Module) -> Self {
        Self(module)
    }

    /// The record.
    #[must_use]
    pub const fn module(&self) -> &'static Module {
        self.0
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("ident", &self.ident)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// How many words a directive takes; httpd's names. The digits are the legal counts.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgKind(pub u32);

impl ArgKind {
    /// None at all.
    pub const NO_ARGS: Self = Self(0);
    /// One.
    pub const TAKE1: Self = Self(1);
    /// Two.
    pub const TAKE2: Self = Self(2);
    /// Three.
    pub const TAKE3: Self = Self(3);
    /// One or two.
    pub const TAKE12: Self = Self(4);
    /// One or three.
    pub const TAKE13: Self = Self(5);
    /// Two or three.
    pub const TAKE23: Self = Self(6);
    /// One, two or three.
    pub const TAKE123: Self = Self(7);
    /// One or more, each on its own.
    pub const ITERATE: Self = Self(8);
    /// One, then one or more.
    pub const ITERATE2: Self = Self(9);
    /// On or Off.
    pub const FLAG: Self = Self(10);
    /// The rest of the line, unsplit.
    pub const RAW_ARGS: Self = Self(11);
    /// Any number.
    pub const TAKE_ARGV: Self = Self(12);
    /// A key, then one or more words that are appended to the key's list.
    pub const KEYED: Self = Self(13);
    /// A mapping coded exactly as ProxyPass, with a cluster's name in place of the URL. The core enters it.
    pub const ROUTE: Self = Self(14);
}

/// One directive of a module.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    /// Where it may stand, see [`scopes`].
    pub scopes: u32,
    /// What it takes.
    pub args: ArgKind,
    /// Its name.
    pub name: Bytes<'static>,
    /// The field of the module's configuration that it fills.
    pub field: Bytes<'static>,
    /// One sentence.
    pub doc: Bytes<'static>,
}

/// Whether `ident` may name a module: `[a-z][a-z0-9_]*_module`, at most 63 bytes.
#[must_use]
pub const fn ident_is_valid(ident: &[u8]) -> bool {
    let suffix = b"_module";
    if ident.len() <= suffix.len() || ident.len() > 63 || !ident[0].is_ascii_lowercase() {
        return false;
    }
    let mut i = 0;
    while i < ident.len() {
        let byte = ident[i];
        if !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            return false;
        }
        let left = ident.len() - i;
        if left <= suffix.len() && byte != suffix[suffix.len() - left] {
            return false;
        }
        i += 1;
    }
    true
}

/// The note's content.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteDesc {
    /// As in the record.
    pub major: u16,
    /// As in the record.
    pub minor_min: u16,
    /// As in the record.
    pub minor_built: u16,
    /// Reserved, zero.
    pub reserved: u16,
    /// As in the record.
    pub flags: u32,
    /// As in the record, ended by zeros.
    pub ident: [u8; 64],
}

/// The whole note, as it stands in [`NOTE_SECTION`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Note {
    namesz: u32,
    descsz: u32,
    kind: u32,
    name: [u8; 8],
    desc: NoteDesc,
}

impl Note {
    /// Where its private fields lie, in order; for the layout test.
    #[doc(hidden)]
    pub const OFFSETS: [usize; 5] = [
        offset_of!(Self, namesz),
        offset_of!(Self, descsz),
        offset_of!(Self, kind),
        offset_of!(Self, name),
        offset_of!(Self, desc),
    ];

    /// The note of the module `ident`. Stops the build if the ident is not one.
    #[must_use]
    pub const fn new(ident: &str, minor_min: u16, flags: u32) -> Self {
        let bytes = ident.as_bytes();
        assert!(ident_is_valid(bytes), "a module's ident is [a-z][a-z0-9_]*_module, at most 63 bytes");
        let mut text = [0; 64];
        let mut i = 0;
        while i < bytes.len() {
            text[i] = bytes[i];
            i += 1;
        }
        let desc = NoteDesc {
            major: crate::MAJOR,
            minor_min,
            minor_built: crate::MINOR,
            reserved: 0,
            flags,
            ident: text,
        };
        Self {
            namesz: NOTE_OWNER.len() as u32,
            descsz: size_of::<NoteDesc>() as u32,
            kind: NOTE_TYPE_MODULE,
            name: *b"PROXYD\0\0",
            desc,
        }
    }
}
