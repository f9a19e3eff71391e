//! Hooks: the one shape of all calls, how hooks are declared and implemented, and the typed wrapper by which
//! the host calls an implementation.

use core::ffi::c_void;
use core::marker::PhantomData;

use crate::{Bytes, Call, Crosses, Status, Text};

/// The one shape of every hook and of every call of a trylist.
///
/// `input` and `output` point to the structs that the hook's declaration names; either may be null where the
/// hook has none. Must not unwind.
pub type HookFn = unsafe extern "C" fn(
    user: *mut c_void,
    call: &Call<'_>,
    input: *const c_void,
    output: *mut c_void,
) -> Status;

/// How the implementations of a hook are run.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HookKind(pub u32);

impl HookKind {
    /// In order until one does not decline.
    pub const FIRST: Self = Self(0);
    /// In order; stop on anything but OK and DECLINED.
    pub const ALL: Self = Self(1);
    /// All of them; results are ignored.
    pub const VOID: Self = Self(2);
    /// Reserved: the output of one is the input of the next.
    pub const FOLD: Self = Self(3);
    /// Those whose key equals the call's key, then those without a key; FIRST within each.
    pub const KEYED: Self = Self(4);

    /// The name that dumps print.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FIRST => "FIRST",
            Self::ALL => "ALL",
            Self::VOID => "VOID",
            Self::FOLD => "FOLD",
            Self::KEYED => "KEYED",
            _ => "unknown",
        }
    }
}

/// Order numbers, httpd's; any other `i32` is legal too.
pub mod order {
    /// Before the others.
    pub const FIRST: i32 = 0;
    /// Where most belong.
    pub const MIDDLE: i32 = 10;
    /// After the others.
    pub const LAST: i32 = 20;
}

/// FNV-1a, 64 bits, over the layout text of a hook: guards against mistakes, not against malice.
#[must_use]
pub const fn signature(layout: &str) -> u64 {
    let bytes = layout.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// A hook as Rust sees it: its name, how it runs, and the structs that cross.
///
/// Its signature is made of the name, the revision and the structs themselves, so that two specs with the same
/// signature hand over the same structs.
pub trait HookSpec {
    /// `proxy.load_balance`, `com.example.geo.locate`.
    const NAME: &'static str;
    /// Another number whenever the meaning changes but the structs do not.
    const REVISION: u32;
    /// How implementations are run.
    const KIND: HookKind;
    /// One sentence for the dumps.
    const DOC: &'static str;
    /// What the caller hands in; see [`crossing!`](crate::crossing!).
    type In: Crosses;
    /// What the implementation fills.
    type Out: Crosses;
}

/// What the caller of `H` hands in.
pub type In<'a, H> = <<H as HookSpec>::In as Crosses>::At<'a>;
/// What the implementation of `H` fills.
pub type Out<'a, H> = <<H as HookSpec>::Out as Crosses>::At<'a>;

/// The text of name, revision and both structs, from which the signature is made.
#[must_use]
pub const fn layout_of<H: HookSpec>() -> &'static str {
    let text: &'static Text = const { &signed_text(H::NAME, H::REVISION, H::In::TEXT, H::Out::TEXT) };
    text.as_str()
}

/// `name/revision In{…} -> Out{…}`.
pub(crate) const fn signed_text(name: &str, revision: u32, input: &Text, output: &Text) -> Text {
    let named = Text::EMPTY.and(name).and("/").and_number(revision);
    named.and(" ").and(input.as_str()).and(" -> ").and(output.as_str())
}

/// The signature that declaration and implementation must share.
#[must_use]
pub const fn signature_of<H: HookSpec>() -> u64 {
    const { signature(layout_of::<H>()) }
}

/// Declares a hook.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HookDecl<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// How implementations are run.
    pub kind: HookKind,
    /// Its name.
    pub name: Bytes<'a>,
    /// Its signature.
    pub sig: u64,
    /// Bytes of the input struct; for people, since the signature says it already.
    pub in_size: u32,
    /// Bytes of the output struct; likewise.
    pub out_size: u32,
    /// One sentence.
    pub doc: Bytes<'a>,
    /// The text from which `sig` was made.
    pub layout: Bytes<'a>,
}

impl HookDecl<'static> {
    /// The declaration of `H`.
    #[must_use]
    pub const fn of<H: HookSpec>() -> Self {
        Self {
            size: size_of::<Self>() as u32,
            kind: H::KIND,
            name: Bytes::of(H::NAME),
            sig: signature_of::<H>(),
            in_size: size_of::<In<'static, H>>() as u32,
            out_size: size_of::<Out<'static, H>>() as u32,
            doc: Bytes::of(H::DOC),
            layout: Bytes::of(layout_of::<H>()),
        }
    }
}

/// Implements a hook, known to the server or not.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HookImpl<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// Place among the implementations, see [`order`].
    pub order: i32,
    /// The hook's name.
    pub name: Bytes<'a>,
    /// The hook's signature.
    pub sig: u64,
    /// For KEYED hooks: the key answered for; empty for any.
    pub key: Bytes<'a>,
    /// The implementation. `None` is refused.
    pub func: Option<HookFn>,
    /// Handed to each call.
    pub user: *mut c_void,
    /// `nbefore` names of modules that come later than this one.
    pub before: *const Bytes<'a>,
    /// `nafter` names of modules that come earlier.
    pub after: *const Bytes<'a>,
    /// See `before`.
    pub nbefore: u32,
    /// See `after`.
    pub nafter: u32,
    /// Bytes of scratch that each trylist of this implementation wants.
    pub scratch_size: u32,
    /// Its alignment, at most 64.
    pub scratch_align: u32,
}

/// A module's function with the signature it was registered for.
#[derive(Clone, Copy, Debug)]
pub struct RawEntry {
    sig: u64,
    func: HookFn,
    user: *mut c_void,
}

// SAFETY: F4, implementations of hooks are called from any executor.
unsafe impl Send for RawEntry {}
// SAFETY: F4, concurrently.
unsafe impl Sync for RawEntry {}

impl RawEntry {
    /// Wraps an implementation.
    ///
    /// # Safety
    /// `func` obeys the contract of the hook whose signature is `sig`, and stays callable with `user` for as
    /// long as this value or a copy of it is used.
    #[must_use]
    pub const unsafe fn new(sig: u64, func: HookFn, user: *mut c_void) -> Self {
        Self { sig, func, user }
    }

    /// Calls it. Answers ABI to a caller that means another signature.
    ///
    /// # Safety
    /// `input` and `output` point to the structs of the hook whose signature is `sig`.
    pub unsafe fn call(
        &self,
        sig: u64,
        call: &Call<'_>,
        input: *const c_void,
        output: *mut c_void,
    ) -> Status {
        if sig != self.sig {
            return Status::ABI;
        }
        // SAFETY: F2 and F3, the caller's promise, and the function does not unwind.
        unsafe { (self.func)(self.user, call, input, output) }
    }

    /// As an implementation of `H`, if that is what it was registered for.
    #[must_use]
    pub fn typed<H: HookSpec>(self) -> Option<Entry<H>> {
        (self.sig == signature_of::<H>()).then_some(Entry { raw: self, spec: PhantomData })
    }
}

/// An implementation of the hook `H`.
#[derive(Debug)]
pub struct Entry<H: HookSpec> {
    raw: RawEntry,
    spec: PhantomData<fn() -> H>,
}

impl<H: HookSpec> Clone for Entry<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: HookSpec> Copy for Entry<H> {}

impl<H: HookSpec> Entry<H> {
    /// Calls it.
    #[inline]
    pub fn call<'a>(&self, call: &Call<'_>, input: &In<'a, H>, output: &mut Out<'a, H>) -> Status {
        let input: *const In<'a, H> = input;
        let output: *mut Out<'a, H> = output;
        // SAFETY: F2 and F3, the signature says that the function takes these structs, and it does not unwind.
        unsafe { (self.raw.func)(self.raw.user, call, input.cast(), output.cast()) }
    }
}
