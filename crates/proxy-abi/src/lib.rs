//! The module boundary: every type, constant and function pointer that crosses between `proxyd` and a module.
//!
//! Hand-written `repr(C)`, 64-bit little-endian targets, version [`MAJOR`].[`MINOR`]. `include/proxy_module.h`
//! is the same thing for C, and `tests/layout.rs` proves the two equal. What makes the unsafe code of this
//! boundary sound is written once, in `SAFETY.md` beside this crate; each `SAFETY:` comment names a fact of it.
//!
//! The host side stays free of `unsafe`: a function of a module is wrapped once, where it is registered, in an
//! [`Entry`] or a [`Trylist`], whose constructor carries the promise; calling it is then safe.
#![no_std]

#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("the module boundary is defined for 64-bit little-endian targets only");

mod balance;
mod bytes;
mod call;
mod crossing;
mod descriptor;
mod edits;
mod endpoints;
mod hook;
mod host;
mod keep;
mod provider;
mod request;
mod status;
mod trylist;

pub use balance::{
    Failure, FailureKind, LbIn, LbOut, LoadBalance, NextIn, Outcome, OutcomeResult, Target, TryVt,
};
pub use bytes::{Bytes, RawBytes};
pub use call::{Call, ErrSink, Random};
pub use crossing::{Crosses, Field, Plain, Text};
pub use descriptor::{
    ArgKind, Directive, FiniFn, InitFn, MAGIC, Module, NOTE_OWNER, NOTE_SECTION, NOTE_TYPE_MODULE, Note,
    NoteDesc, StaticRecord, flags, ident_is_valid, scopes,
};
pub use edits::{EditAccess, EditOp, Edits, NoteAccess, Notes, edit_refusal};
pub use endpoints::{CacheLine, Endpoint, EndpointSet, Health, Stats};
pub use hook::{
    Entry, HookDecl, HookFn, HookImpl, HookKind, HookSpec, In, Out, RawEntry, layout_of, order, signature,
    signature_of,
};
pub use host::{
    BlobFn, BlobKind, ClusterDecl, EndpointDecl, Host, Level, LogField, Registrar, Runner, STATIC_MODULE,
    Value, ValueKind,
};
pub use keep::{KeepDecl, LoadFn, MOST_KEPT, SaveFn};
pub use provider::{
    Provided, Provider, ProviderDecl, ProviderIn, ProviderOut, ProviderSpec, provider_layout_of,
    provider_signature_of,
};
pub use request::{
    AccessChecker, FieldAccess, Fields, Fixups, LogIn, LogTransaction, PostReadRequest, Request, RequestIn,
    RequestParts, ResponseHead, ResponseIn, Unit,
};
pub use status::Status;
pub use trylist::{Breach, Trylist};

/// A module built for another major is refused before any of its code runs.
pub const MAJOR: u16 = 0;
/// While the major is 0 the minor must be equal; from 1.0 on a minor only adds.
pub const MINOR: u16 = 1;
