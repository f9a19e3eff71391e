//! What the toolchain has to have: the library that counts, and `llvm-profdata`, which makes a profile of what such
//! programs leave behind. Both are LLVM's, and the format changes with its major versions.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cargo::run;
use crate::compiler::{Compiler, llvm_major};

const NAME: &str = "llvm-profdata";

/// `llvm-profdata`: the toolchain's own; if it has none, the system's of the same version, as where the compiler is the
/// system's too. If there is none either, or nothing counts, what to do about it.
pub(super) fn find(compiler: &Compiler) -> Result<PathBuf, String> {
    // Which some distributions build their compiler without.
    compiler.library("profiler_builtins").map_err(|error| format!("{error:#}: take rustup's toolchain"))?;
    let own = compiler.own_target().map(|target| target.join("bin").join(NAME));
    let own = own.map_or_else(|_| NAME.into(), PathBuf::into_os_string);
    let candidates = [own, format!("{NAME}-{}", compiler.llvm).into(), NAME.into()];
    let found: Vec<_> = candidates.iter().map(|tool| (tool, version(tool))).collect();
    match found.iter().find(|(_, version)| *version == Some(compiler.llvm)) {
        Some((tool, _)) => Ok(PathBuf::from(tool)),
        None => Err(missing(compiler.llvm)),
    }
}

fn missing(llvm: u32) -> String {
    format!("{NAME} of LLVM {llvm} is not installed, which `rustup component add llvm-tools` does")
}

/// Makes `profile` of `counters`.
///
/// # Errors
/// If the tool fails.
pub(super) fn merge(tool: &Path, counters: &[PathBuf], profile: &Path) -> Result<()> {
    // Under its name only when it is whole.
    let new = profile.with_extension("new");
    run(Command::new(tool).arg("merge").arg("--output").arg(&new).args(counters))?;
    Ok(fs::rename(&new, profile)?)
}

/// The major version of such a tool; of an old one, which does not say, none.
fn version(tool: &OsString) -> Option<u32> {
    let output = Command::new(tool).arg("--version").output().ok()?;
    llvm_major(&String::from_utf8_lossy(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_of_another_llvm_is_none() {
        let compiler = Compiler { llvm: 999, ..Compiler::ask().unwrap() };
        let reason = find(&compiler).unwrap_err();
        assert!(
            reason.contains("of LLVM 999") && reason.contains("rustup component add llvm-tools"),
            "{reason}"
        );
    }

    #[test]
    fn a_toolchain_that_cannot_count_is_told_apart() {
        let compiler = Compiler { host: "no-such-target".into(), llvm: 22 };
        let reason = find(&compiler).unwrap_err();
        assert!(reason.contains("no-such-target") && reason.contains("rustup's toolchain"), "{reason}");
    }
}
