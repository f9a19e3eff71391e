//! Changing what passes: fields of the message that is on its way, and notes that modules leave on a request for
//! each other.
//!
//! A module does not get the message to write in. It says what is to become of a field, and the host, which writes
//! the head anew in any case, does so; thereby nothing that a module says can change where a message ends.

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;

use crate::{Bytes, RawBytes, Status};

/// What is to become of the fields of a name.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EditOp(pub u32);

impl EditOp {
    /// One field of that name with the value, in place of all there are.
    pub const SET: Self = Self(1);
    /// One more, after those there are.
    pub const ADD: Self = Self(2);
    /// None; the value plays no part.
    pub const UNSET: Self = Self(3);
}

/// Where the host gathers edits. Implemented by the host; must not panic.
pub trait EditAccess {
    /// Takes an edit, or answers [`ERROR`](Status::ERROR) and says why in the error sink of the call under way.
    fn edit(&self, op: EditOp, name: &[u8], value: &[u8]) -> Status;
}

/// The edits of one message. Those of all modules are kept in the order in which they come, and each sees the
/// message as it was received.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Edits<'a> {
    data: *const c_void,
    edit: unsafe extern "C" fn(data: *const c_void, op: EditOp, name: Bytes<'_>, value: Bytes<'_>) -> Status,
    borrow: PhantomData<&'a ()>,
}

impl<'a> Edits<'a> {
    /// Where its private fields lie, in order; for the layout test.
    #[doc(hidden)]
    pub const OFFSETS: [usize; 2] = [offset_of!(Self, data), offset_of!(Self, edit)];

    /// Those that `access` gathers.
    pub const fn new<E: EditAccess>(access: &'a E) -> Self {
        let data: *const E = access;
        Self { data: data.cast(), edit: edit::<E>, borrow: PhantomData }
    }

    /// Sets the field `name` in place of all of that name.
    #[must_use]
    pub fn set(&self, name: &[u8], value: &[u8]) -> Status {
        self.edit(EditOp::SET, name, value)
    }

    /// Adds a field.
    #[must_use]
    pub fn add(&self, name: &[u8], value: &[u8]) -> Status {
        self.edit(EditOp::ADD, name, value)
    }

    /// Removes all fields of that name.
    #[must_use]
    pub fn unset(&self, name: &[u8]) -> Status {
        self.edit(EditOp::UNSET, name, &[])
    }

    fn edit(&self, op: EditOp, name: &[u8], value: &[u8]) -> Status {
        // SAFETY: F1, made by `new`: `data` is what `edit` expects.
        unsafe { (self.edit)(self.data, op, Bytes::new(name), Bytes::new(value)) }
    }
}

impl fmt::Debug for Edits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Edits")
    }
}

extern "C" fn edit<E: EditAccess>(
    data: *const c_void,
    op: EditOp,
    name: Bytes<'_>,
    value: Bytes<'_>,
) -> Status {
    // SAFETY: F1, only `Edits::new` pairs this function with its `data`.
    let access = unsafe { &*data.cast::<E>() };
    access.edit(op, name.as_slice(), value.as_slice())
}

/// Why the server refuses an edit of a field; `None` if it does not. The server decides by this when the edit comes,
/// a module may ask while it reads its configuration.
///
/// Names are tokens (RFC 9110 section 5.6.2), values hold no control character but a tab. Fields that frame or route
/// a message or belong to one connection, and those by which the server tells of its client, are its own, in any
/// spelling that a receiver could take for one of them.
#[must_use]
pub fn edit_refusal(name: &[u8], value: &[u8]) -> Option<&'static str> {
    if name.is_empty() || !name.iter().all(|byte| is_name_byte(*byte)) {
        return Some("the name of a field is made of letters, digits and !#$&'*+-.^_`|~");
    }
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Some("the value of a field holds no control character");
    }
    if name.len() + value.len() > MOST_BYTES {
        return Some("a field is at most 8000 bytes long");
    }
    is_protected(name).then_some("this field frames or routes the message: the server alone writes it")
}

const MOST_BYTES: usize = 8000;

/// A token's, but for the percent sign, since some receivers decode names.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        )
}

/// Letters and digits of the names that are the server's own.
const PROTECTED: [&[u8]; 14] = [
    b"host",
    b"contentlength",
    b"transferencoding",
    b"connection",
    b"upgrade",
    b"te",
    b"trailer",
    b"keepalive",
    b"proxyconnection",
    b"proxyauthenticate",
    b"expect",
    b"via",
    b"maxforwards",
    b"http2settings",
];

fn is_protected(name: &[u8]) -> bool {
    let letters = || name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    let forwarded = b"xforwarded";
    letters().take(forwarded.len()).eq(forwarded.iter().copied())
        || PROTECTED.iter().any(|protected| letters().eq(protected.iter().copied()))
}

/// Where the host keeps the notes of a request. Implemented by the host; must not panic.
pub trait NoteAccess {
    /// The last value of `key`.
    fn note(&self, key: &[u8]) -> Option<&[u8]>;
    /// Keeps a copy of both; [`ERROR`](Status::ERROR) if there are too many.
    fn set_note(&self, key: &[u8], value: &[u8]) -> Status;
}

/// What modules note on a request for those that come later. What was read stays valid as long as the request.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Notes<'a> {
    data: *const c_void,
    set: unsafe extern "C" fn(data: *const c_void, key: Bytes<'_>, value: Bytes<'_>) -> Status,
    get: unsafe extern "C" fn(data: *const c_void, key: Bytes<'_>, value: &mut RawBytes) -> u32,
    borrow: PhantomData<&'a ()>,
}

impl<'a> Notes<'a> {
    /// Where its private fields lie, in order; for the layout test.
    #[doc(hidden)]
    pub const OFFSETS: [usize; 3] = [offset_of!(Self, data), offset_of!(Self, set), offset_of!(Self, get)];

    /// Those that `access` keeps.
    pub const fn new<N: NoteAccess>(access: &'a N) -> Self {
        let data: *const N = access;
        Self { data: data.cast(), set: set_note::<N>, get: note::<N>, borrow: PhantomData }
    }

    /// None, and no room for any.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(&NoNotes)
    }

    /// The last value of `key`.
    #[must_use]
    pub fn note(&self, key: &[u8]) -> Option<&'a [u8]> {
        let mut value = RawBytes::of(&[]);
        // SAFETY: F1, made by `new`: `data` is what `get` expects.
        let found = unsafe { (self.get)(self.data, Bytes::new(key), &mut value) };
        // SAFETY: F1, a note is neither changed nor removed while `data` lives, for `'a`.
        let value = unsafe { value.as_bytes() };
        (found != 0).then(|| value.as_slice())
    }

    /// Notes `value` under `key`; the server keeps copies. ERROR if there is no room for it.
    #[must_use]
    pub fn set_note(&self, key: &[u8], value: &[u8]) -> Status {
        // SAFETY: F1, made by `new`: `data` is what `set` expects.
        unsafe { (self.set)(self.data, Bytes::new(key), Bytes::new(value)) }
    }
}

impl fmt::Debug for Notes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notes")
    }
}

struct NoNotes;

impl NoteAccess for NoNotes {
    fn note(&self, _key: &[u8]) -> Option<&[u8]> {
        None
    }

    fn set_note(&self, _key: &[u8], _value: &[u8]) -> Status {
        Status::ERROR
    }
}

extern "C" fn set_note<N: NoteAccess>(data: *const c_void, key: Bytes<'_>, value: Bytes<'_>) -> Status {
    // SAFETY: F1, only `Notes::new` pairs this function with its `data`.
    let access = unsafe { &*data.cast::<N>() };
    access.set_note(key.as_slice(), value.as_slice())
}

extern "C" fn note<N: NoteAccess>(data: *const c_void, key: Bytes<'_>, value: &mut RawBytes) -> u32 {
    // SAFETY: F1, only `Notes::new` pairs this function with its `data`.
    let access = unsafe { &*data.cast::<N>() };
    let Some(found) = access.note(key.as_slice()) else { return 0 };
    *value = RawBytes::of(found);
    1
}
