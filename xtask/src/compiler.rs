//! What the compiler says of itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The compiler that cargo uses here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// The triple that it builds for by itself.
    pub(crate) host: String,
    /// Major version of the LLVM in it.
    pub(crate) llvm: u32,
}

impl Compiler {
    /// Asks for it.
    ///
    /// # Errors
    /// If it cannot be run, or does not say what is known to be said.
    pub(crate) fn ask() -> Result<Self> {
        let said = rustc(&["-vV"])?;
        Self::parse(&said).with_context(|| format!("rustc -vV names no host or no LLVM: {said}"))
    }

    fn parse(said: &str) -> Option<Self> {
        let host = said.lines().find_map(|line| line.strip_prefix("host: "))?;
        Some(Self { host: host.to_owned(), llvm: llvm_major(said)? })
    }

    /// What the toolchain has for its own target: below it `lib`, with the standard library, and `bin`.
    ///
    /// # Errors
    /// If the compiler cannot be run.
    pub(crate) fn own_target(&self) -> Result<PathBuf> {
        let sysroot = rustc(&["--print", "sysroot"])?;
        Ok(PathBuf::from(sysroot.trim()).join("lib/rustlib").join(&self.host))
    }

    /// The archive of a library that comes with the toolchain, as `std`.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn library(&self, library: &str) -> Result<PathBuf> {
        let dir = self.own_target()?.join("lib");
        for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            let file = entry?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&format!("lib{library}-")) && name.ends_with(".rlib") {
                return Ok(file);
            }
        }
        bail!("there is no library {library} in {}", dir.display())
    }
}

/// The major version in `LLVM version: 22.1.2`, as the compiler says it, or in `LLVM version 22.1.2-rust`, as LLVM's own
/// programs do.
pub(crate) fn llvm_major(said: &str) -> Option<u32> {
    let (_, version) = said.split_once("LLVM version")?;
    version.trim_start_matches([':', ' ']).split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}

fn rustc(words: &[&str]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(words).output().context("rustc cannot be run")?;
    if !output.status.success() {
        bail!("rustc {} failed: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_is_known_by_its_host_and_its_llvm() {
        let said = "rustc 1.95.0 (59807616e 2026-04-14)\nhost: aarch64-unknown-linux-gnu\nrelease: 1.95.0\n\
                    LLVM version: 22.1.2\n";
        let known = Compiler { host: "aarch64-unknown-linux-gnu".into(), llvm: 22 };
        assert_eq!(Compiler::parse(said), Some(known));
        assert_eq!(Compiler::parse("host: aarch64-unknown-linux-gnu\n"), None);
    }

    #[test]
    fn what_comes_with_the_toolchain_is_found_by_its_name() {
        let compiler = Compiler::ask().unwrap();
        assert!(compiler.library("std").unwrap().is_file());
        assert!(compiler.library("no-such-library").is_err());
    }

    #[test]
    fn a_version_of_llvm_is_read_however_it_is_said() {
        assert_eq!(
            llvm_major("LLVM (http://llvm.org/):\n  LLVM version 22.1.2-rust-1.95.0-stable\n"),
            Some(22)
        );
        assert_eq!(llvm_major("Ubuntu LLVM version 18.1.3\n  Optimized build.\n"), Some(18));
        assert_eq!(llvm_major("llvm-profdata: Unknown command!\n"), None);
    }
}
