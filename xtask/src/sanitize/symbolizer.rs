//! Names for addresses in modules. A module is mapped from a memory file, `/proc/self/fd/N` to the server and another
//! file to anybody else: the symbolizer is called by a script that asks for the file of the process that reports.
//! Suppressions go by these names, so that one is needed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What the runtimes know by this name alone.
const NAME: &str = "llvm-symbolizer";

/// Writes the script into `dir`.
///
/// # Errors
/// If there is no symbolizer, or it cannot be written.
pub(super) fn place(dir: &Path) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let real = std::env::split_paths(&path).map(|dir| dir.join(NAME)).find(|file| file.is_file());
    let real = real.with_context(|| format!("{NAME} is not in PATH: install the package llvm"))?;
    fs::create_dir_all(dir)?;
    let script = dir.join(NAME);
    let real = real.display();
    let text = format!("#!/bin/sh\nsed -u \"s#/proc/self/fd/#/proc/$PPID/fd/#\" | exec '{real}' \"$@\"\n");
    fs::write(&script, text)?;
    fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    Ok(script)
}
