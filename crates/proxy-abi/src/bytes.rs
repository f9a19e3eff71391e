//! Borrowed bytes, the only way in which text crosses the boundary. Never promised to be UTF-8.

use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;

/// `{ptr, len}`; valid as long as the call it came with, unless its place says longer. An empty one may carry
/// a null pointer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    ptr: *const u8,
    len: usize,
    borrow: PhantomData<&'a [u8]>,
}

// SAFETY: F1, a shared borrow of bytes: as sendable as `&[u8]`.
unsafe impl Send for Bytes<'_> {}
// SAFETY: F1, likewise.
unsafe impl Sync for Bytes<'_> {}

impl<'a> Bytes<'a> {
    /// Where its private fields lie, in order; for the layout test.
    #[doc(hidden)]
    pub const OFFSETS: [usize; 2] = [offset_of!(Self, ptr), offset_of!(Self, len)];

    /// No bytes at all.
    pub const EMPTY: Self = Self::new(&[]);

    /// No bytes at all, at a null pointer: what a host or a module in C may hand over for them.
    pub const NULL: Self = Self { ptr: core::ptr::null(), len: 0, borrow: PhantomData };

    /// Borrows `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len(), borrow: PhantomData }
    }

    /// Borrows the bytes of `text`.
    #[must_use]
    pub const fn of(text: &'a str) -> Self {
        Self::new(text.as_bytes())
    }

    /// The bytes.
    #[must_use]
    pub const fn as_slice(&self) -> &'a [u8] {
        if self.len == 0 || self.ptr.is_null() {
            return &[];
        }
        // SAFETY: F1, whoever wrote this value keeps `len` bytes at `ptr` alive and unchanged for `'a`.
        unsafe { core::slice::from_raw_parts(self.ptr, self.len) }
    }

    /// The bytes as text, if they are UTF-8.
    ///
    /// # Errors
    /// Where the bytes stop being UTF-8.
    pub const fn to_str(&self) -> Result<&'a str, core::str::Utf8Error> {
        core::str::from_utf8(self.as_slice())
    }
}

impl Default for Bytes<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_slice().escape_ascii())
    }
}

/// Bytes whose lifetime no borrow can tell: part of a shared object such as an endpoint set, and valid as long as
/// that object. The same layout as [`Bytes`], and the same type in C.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RawBytes {
    ptr: *const u8,
    len: usize,
}

impl RawBytes {
    /// Where its private fields lie, in order; for the layout test.
    #[doc(hidden)]
    pub const OFFSETS: [usize; 2] = [offset_of!(Self, ptr), offset_of!(Self, len)];

    /// The place of `bytes`, whose owner keeps them as long as the object that this becomes part of.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    /// The object that this is part of lives for `'a`.
    #[must_use]
    pub const unsafe fn as_bytes<'a>(self) -> Bytes<'a> {
        Bytes { ptr: self.ptr, len: self.len, borrow: PhantomData }
    }
}
