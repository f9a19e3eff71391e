//! What comes with every call into a module: who calls, when, and where an error text goes.

use core::cell::Cell;
use core::ffi::c_void;
use core::fmt;
use core::mem::offset_of;

use crate::Host;

/// The circumstances of one call. Valid until the call returns.
#[repr(C)]
#[derive(Debug)]
pub struct Call<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// The executor that calls; `u32::MAX` outside of any. Valid for this call only.
    pub executor: u32,
    /// The services of the server; lives as long as the process.
    pub host: &'a Host,
    /// Where `set_error` puts the text of an [`ERROR`](crate::Status::ERROR).
    pub err: &'a ErrSink,
    /// The executor's generator of random numbers. A test or a replay gives it a known state.
    pub random: &'a Random,
    /// Monotonic nanoseconds, read once when the executor woke up.
    pub now_ns: u64,
    /// Reserved, null: this call must not wait.
    pub waker: *const c_void,
    /// The request's deadline on the clock of `now_ns`; 0 for none.
    pub deadline_ns: u64,
    /// The request's number, 0 outside of requests.
    pub trace_id: u64,
}

impl<'a> Call<'a> {
    /// A call outside of any executor and request, at time `now_ns`.
    #[must_use]
    pub const fn new(host: &'a Host, err: &'a ErrSink, random: &'a Random, now_ns: u64) -> Self {
        Self {
            size: size_of::<Call<'_>>() as u32,
            executor: u32::MAX,
            host,
            err,
            random,
            now_ns,
            waker: core::ptr::null(),
            deadline_ns: 0,
            trace_id: 0,
        }
    }

    /// The same circumstances for a module whose services are `host`.
    #[must_use]
    pub const fn with_host(&self, host: &'a Host) -> Self {
        Self { host, ..*self }
    }
}

/// A generator of random numbers, one an executor: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, OOPSLA 2014). Not for secrets.
#[repr(C)]
#[derive(Debug)]
pub struct Random {
    state: Cell<u64>,
}

impl Random {
    /// Where its private field lies; for the layout test.
    #[doc(hidden)]
    pub const OFFSETS: [usize; 1] = [offset_of!(Self, state)];

    /// The generator that begins with `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: Cell::new(seed) }
    }

    /// The next number, all 64 bits of it.
    pub fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`, each as likely as any other but for less than 2^-32; 0 if `bound` is 0.
    pub fn below(&self, bound: u32) -> u32 {
        ((self.next() >> 32).wrapping_mul(bound as u64) >> 32) as u32
    }
}

const TEXT: usize = 492;

/// The host's copy of an error text; opaque to modules, which reach it through `set_error`. Reused by its
/// owner, one an executor, so that an error allocates nothing.
#[repr(C)]
pub struct ErrSink {
    len: Cell<u32>,
    code: Cell<i32>,
    at: Cell<usize>,
    text: [Cell<u8>; TEXT],
}

impl ErrSink {
    /// An empty sink.
    #[must_use]
    pub const fn new() -> Self {
        Self { len: Cell::new(0), code: Cell::new(0), at: Cell::new(0), text: [const { Cell::new(0) }; TEXT] }
    }

    /// Forgets what was said.
    pub fn clear(&self) {
        self.len.set(0);
        self.code.set(0);
        self.at.set(0);
    }

    /// Copies `message`, cut at 492 bytes. `at` is the address of the configuration value meant, or 0.
    pub fn set(&self, code: i32, message: &[u8], at: usize) {
        let len = message.len().min(TEXT);
        for (cell, byte) in self.text.iter().zip(message) {
            cell.set(*byte);
        }
        self.len.set(len as u32);
        self.code.set(code);
        self.at.set(at);
    }

    /// Copies the text into `out` and answers how many bytes it has; `out` is best as long as a text can be.
    pub fn copy_to(&self, out: &mut [u8; TEXT]) -> usize {
        for (byte, cell) in out.iter_mut().zip(&self.text) {
            *byte = cell.get();
        }
        self.len.get() as usize
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// The module's own number for the error.
    pub fn code(&self) -> i32 {
        self.code.get()
    }

    /// The address of the configuration value meant, or 0.
    pub fn at(&self) -> usize {
        self.at.get()
    }
}

impl Default for ErrSink {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for ErrSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TEXT];
        let len = self.copy_to(&mut text);
        for chunk in text[..len].utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ErrSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrSink").field("code", &self.code()).field("text", &format_args!("{self}")).finish()
    }
}
