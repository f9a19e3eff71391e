//! How the facts of a file are spelled in messages.

use std::fmt;

/// The SHA-256 of a file; displays as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum(pub [u8; 32]);

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// `e_machine` of this server.
pub(super) const HERE: u16 = crate::elf::THIS_MACHINE;

/// The machines that modules are met for; others by number.
pub(super) fn machine(number: &u16) -> String {
    match number {
        3 => "x86".to_owned(),
        20 => "PowerPC".to_owned(),
        21 => "PowerPC64".to_owned(),
        22 => "s390x".to_owned(),
        40 => "ARM".to_owned(),
        62 => "x86-64".to_owned(),
        183 => "aarch64".to_owned(),
        243 => "RISC-V".to_owned(),
        258 => "LoongArch".to_owned(),
        other => format!("machine {other}"),
    }
}

/// What kind of ELF file it is instead.
pub(super) fn elf_kind(kind: u16) -> String {
    match kind {
        1 => "an object file".to_owned(),
        2 => "a program".to_owned(),
        4 => "a core dump".to_owned(),
        other => format!("an ELF file of type {other}"),
    }
}

/// Bytes as two digits each.
pub(super) struct Hex<'b>(pub(super) &'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
