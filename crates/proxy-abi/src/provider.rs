//! Providers: typed functions that a module offers by group and name, and another calls if it is loaded.
//!
//! A hook asks whoever has something to say; a provider is asked for by name, as the sources of one kind are that a
//! directive chooses from. The group says what kind of function it is, and the signature what it takes and fills.

use core::ffi::c_void;
use core::fmt;
use core::sync::atomic::AtomicU8;

use crate::hook::signed_text;
use crate::{Bytes, Crosses, HookFn, Text, signature};

/// A kind of function as Rust sees it: the group, and the structs that cross.
///
/// The signature is made of the group, the revision and the structs themselves, so that two specs with the same
/// signature hand over the same structs.
pub trait ProviderSpec {
    /// `com.example.geo.country`.
    const GROUP: &'static str;
    /// Another number whenever the meaning changes but the structs do not.
    const REVISION: u32;
    /// One sentence for the dumps.
    const DOC: &'static str;
    /// What the caller hands in; see [`crossing!`](crate::crossing!).
    type In: Crosses;
    /// What the function fills.
    type Out: Crosses;
}

/// What the caller of a provider of `P` hands in.
pub type ProviderIn<'a, P> = <<P as ProviderSpec>::In as Crosses>::At<'a>;
/// What a provider of `P` fills.
pub type ProviderOut<'a, P> = <<P as ProviderSpec>::Out as Crosses>::At<'a>;

/// The text of group, revision and both structs, from which the signature is made.
#[must_use]
pub const fn provider_layout_of<P: ProviderSpec>() -> &'static str {
    let text: &'static Text = const { &signed_text(P::GROUP, P::REVISION, P::In::TEXT, P::Out::TEXT) };
    text.as_str()
}

/// The signature that provider and caller must share.
#[must_use]
pub const fn provider_signature_of<P: ProviderSpec>() -> u64 {
    const { signature(provider_layout_of::<P>()) }
}

/// Provides a function.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ProviderDecl<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// What kind of function it is.
    pub group: Bytes<'a>,
    /// Which one of that kind.
    pub name: Bytes<'a>,
    /// The signature of the kind.
    pub sig: u64,
    /// The function, of the shape that hooks have. `None` is refused.
    pub func: Option<HookFn>,
    /// Handed to each call.
    pub user: *mut c_void,
    /// One sentence.
    pub doc: Bytes<'a>,
    /// The text from which `sig` was made.
    pub layout: Bytes<'a>,
}

/// Opaque: what a module looked up, whether there is such a provider or not. Lives as long as the generation whose
/// `init` asked for it.
#[repr(C)]
pub struct Provider {
    opaque: [AtomicU8; 0],
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}

/// Opaque: the function that was found; lives as long.
#[repr(C)]
pub struct Provided {
    opaque: [AtomicU8; 0],
}

impl fmt::Debug for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provided")
    }
}
