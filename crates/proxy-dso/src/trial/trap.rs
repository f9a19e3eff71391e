//! Where a system call is forbidden, the kernel raises SIGSYS instead. The handler here says which call it was, to
//! whoever reads the report, and ends the process.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

/// A system call that was forbidden: what the handler writes, as a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trapped {
    /// Its number.
    pub call: i64,
    /// Its first argument.
    pub first: i64,
}

const WORD: &str = "trapped";

impl fmt::Display for Trapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD} {} {}", self.call, self.first)
    }
}

impl Trapped {
    /// Reads the line.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let (call, first) = line.strip_prefix(WORD)?.strip_prefix(' ')?.split_once(' ')?;
        Some(Self { call: call.parse().ok()?, first: first.parse().ok()? })
    }
}

/// The report; never closed once it is set.
static REPORT: AtomicI32 = AtomicI32::new(-1);

/// Has SIGSYS reported to `report`, and all other signals do what they do by themselves: Rust's own handlers would
/// answer a fault with further system calls.
///
/// # Errors
/// The system's.
pub fn trap(report: OwnedFd) -> io::Result<()> {
    REPORT.store(report.as_raw_fd(), Relaxed);
    // Stays open as long as the process lives, like the handler.
    std::mem::forget(report);
    for signal in (1..=31).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, libc::SIGSYS].contains(signal)) {
        act(signal, libc::SIG_DFL, 0)?;
    }
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_trap;
    act(libc::SIGSYS, handler as libc::sighandler_t, libc::SA_SIGINFO | libc::SA_ONSTACK)
}

fn act(signal: c_int, handler: libc::sighandler_t, flags: c_int) -> io::Result<()> {
    // SAFETY: F8, a C struct of numbers, of which zeros are the empty value.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: F8, the handler keeps to what one may do.
    let done = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn on_trap(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: F8, the kernel gives a context to a handler with SA_SIGINFO.
    let trapped = unsafe { registers(context.cast()) };
    let mut line = Line::default();
    // It has room for it.
    let _ = fmt::Write::write_fmt(&mut line, format_args!("{trapped}\n"));
    // SAFETY: F8, both are allowed in a handler.
    unsafe {
        libc::write(REPORT.load(Relaxed), line.bytes.as_ptr().cast(), line.len);
        libc::_exit(EXIT);
    }
}

/// Nobody looks at it: the line says it all.
const EXIT: c_int = 1;

/// The call that the kernel refused: it has put the registers back to what they were.
#[cfg(target_arch = "x86_64")]
const unsafe fn registers(context: *const libc::ucontext_t) -> Trapped {
    // SAFETY: F8, the caller's context.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    Trapped { call: registers[libc::REG_RAX as usize], first: registers[libc::REG_RDI as usize] }
}

#[cfg(target_arch = "aarch64")]
const unsafe fn registers(context: *const libc::ucontext_t) -> Trapped {
    // SAFETY: F8, the caller's context.
    let registers = unsafe { &(*context).uc_mcontext.regs };
    Trapped { call: registers[8].cast_signed(), first: registers[0].cast_signed() }
}

/// A line made without memory from anywhere: numbers are spelled on the stack.
struct Line {
    bytes: [u8; 64],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 64], len: 0 }
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for trapped in [Trapped { call: 41, first: 2 }, Trapped { call: i64::MIN, first: i64::MIN }] {
            let mut line = Line::default();
            writeln!(line, "{trapped}").unwrap();
            let text = std::str::from_utf8(&line.bytes[..line.len]).unwrap();
            assert_eq!(Trapped::read(text.strip_suffix('\n').unwrap()), Some(trapped));
        }
        assert_eq!(Trapped::read("trapped 1"), None);
        assert_eq!(Trapped::read("load"), None);
    }
}
