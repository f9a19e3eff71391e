//! The structs that hooks take and answer, each written once: the macro [`crossing!`](crate::crossing!) makes of one
//! source the struct and the text from which signatures are made, so that the two cannot differ.
//!
//! For that reason a module may declare a hook of its own without unsafe code, and a spec that names the wrong
//! structs has another signature than the hook it means.

use core::ffi::c_void;
use core::fmt;

use crate::{Bytes, Edits, EndpointSet, Fields, Request, TryVt};

/// Text that is made while compiling.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; Self::MOST],
    len: usize,
}

impl Text {
    const MOST: usize = 1024;

    /// No text.
    pub const EMPTY: Self = Self { bytes: [0; Self::MOST], len: 0 };

    /// This text and `more`. Stops the build where it gets longer than 1024 bytes.
    #[must_use]
    pub const fn and(mut self, more: &str) -> Self {
        let more = more.as_bytes();
        assert!(self.len + more.len() <= Self::MOST, "a hook's structs have too many fields");
        let mut i = 0;
        while i < more.len() {
            self.bytes[self.len] = more[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    /// This text and `number` in decimal digits.
    #[must_use]
    pub const fn and_number(self, number: u32) -> Self {
        let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let start = if number >= 10 { self.and_number(number / 10) } else { self };
        start.and(digits[(number % 10) as usize])
    }

    /// `Name{u32 size;Bytes text}`, of fields that are each a type and a name.
    #[must_use]
    pub const fn of_struct(name: &str, fields: &[(&str, &str)]) -> Self {
        let mut text = Self::EMPTY.and(name).and("{");
        let mut i = 0;
        while i < fields.len() {
            text = text.and(if i == 0 { "" } else { ";" }).and(fields[i].0).and(" ").and(fields[i].1);
            i += 1;
        }
        text.and("}")
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A type that a field of a crossing struct may have.
///
/// # Safety
/// No other type with the same `TEXT` has another layout, other legal values or another meaning, and `At` is the same
/// type with all its lifetimes replaced.
pub unsafe trait Field {
    /// What the layout text calls it.
    const TEXT: &'static str;
    /// The same type, borrowed for `'a`.
    type At<'a>;
}

/// A [`Field`] that borrows nothing.
///
/// # Safety
/// The type has no lifetime.
pub unsafe trait Plain: Field {}

/// A struct that crosses; made by [`crossing!`](crate::crossing!) alone. Implemented for one lifetime, it stands for
/// all of them.
///
/// # Safety
/// `At` is `repr(C)`, and `TEXT` is made of its name and of all its fields in their order.
pub unsafe trait Crosses {
    /// Name and fields.
    const TEXT: &'static Text;
    /// The struct that borrows for `'a`.
    type At<'a>;
}

macro_rules! plain {
    ($($type:ty = $text:literal),*) => {
        $(
            // SAFETY: F2, a primitive type without lifetimes, all of whose values are legal.
            unsafe impl Field for $type {
                const TEXT: &'static str = $text;
                type At<'a> = Self;
            }
            // SAFETY: F2, likewise.
            unsafe impl Plain for $type {}
        )*
    };
}

plain! {
    u8 = "u8", u16 = "u16", u32 = "u32", u64 = "u64", i8 = "i8", i16 = "i16", i32 = "i32", i64 = "i64",
    f32 = "f32", f64 = "f64", *const c_void = "void*", *mut c_void = "void*", *mut u8 = "u8*",
    *const TryVt = "TryVt*"
}

macro_rules! borrowed {
    ($($type:ty = $text:literal as $at:ty),*) => {
        // SAFETY: F1 and F2, a type of this crate by its own name, borrowed for as long as the struct it is in.
        $(unsafe impl Field for $type {
            const TEXT: &'static str = $text;
            type At<'a> = $at;
        })*
    };
}

borrowed! {
    Bytes<'_> = "Bytes" as Bytes<'a>,
    Fields<'_> = "Fields" as Fields<'a>,
    &Request<'_> = "Request*" as &'a Request<'a>,
    Option<&Edits<'_>> = "Edits*" as Option<&'a Edits<'a>>,
    &EndpointSet = "EndpointSet*" as &'a EndpointSet
}

/// Declares a struct that a hook takes or answers: `repr(C)`, of integers, [`Bytes`], [`Fields`], references to
/// [`Request`] and [`EndpointSet`], and optional ones to [`Edits`]. By convention it begins with `size: u32`, its own size.
///
/// A struct with a lifetime borrows for the call. Any change of the fields changes the hook's signature, so that a
/// module built against the former struct is refused and not misread.
///
/// ```
/// proxy_abi::crossing! {
///     /// Whom to locate.
///     pub struct LocateIn<'a> {
///         /// Bytes of this struct.
///         pub size: u32,
///         /// The client's address.
///         pub client: proxy_abi::Bytes<'a>,
///     }
/// }
/// ```
#[macro_export]
macro_rules! crossing {
    (
        $(#[doc = $doc:expr])* $vis:vis struct $name:ident<$life:lifetime> {
            $($(#[doc = $field_doc:expr])* $field_vis:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[repr(C)]
        #[derive(Debug)]
        $vis struct $name<$life> {
            $($(#[doc = $field_doc])* $field_vis $field: <$type as $crate::Field>::At<$life>,)*
        }

        // SAFETY: F2, the struct above; each field borrows for its lifetime and for no other.
        unsafe impl $crate::Crosses for $name<'static> {
            const TEXT: &'static $crate::Text = &{
                #[allow(clippy::extra_unused_lifetimes, reason = "the fields' types name it")]
                const fn text<$life>() -> $crate::Text {
                    $crate::Text::of_struct(
                        ::core::stringify!($name),
                        &[$((<$type as $crate::Field>::TEXT, ::core::stringify!($field))),*],
                    )
                }
                text()
            };
            type At<$life> = $name<$life>;
        }
    };
    (
        $(#[doc = $doc:expr])* $vis:vis struct $name:ident {
            $($(#[doc = $field_doc:expr])* $field_vis:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[repr(C)]
        #[derive(Debug)]
        $vis struct $name {
            $($(#[doc = $field_doc])* $field_vis $field: $type,)*
        }

        // SAFETY: F2, the struct above; its fields borrow nothing, which is checked here.
        unsafe impl $crate::Crosses for $name {
            const TEXT: &'static $crate::Text = &{
                const fn plain<T: $crate::Plain>() -> &'static str {
                    T::TEXT
                }
                $crate::Text::of_struct(
                    ::core::stringify!($name),
                    &[$((plain::<$type>(), ::core::stringify!($field))),*],
                )
            };
            type At<'a> = Self;
        }
    };
}
