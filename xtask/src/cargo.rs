//! Calling cargo, and what it knows of this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A profile of Cargo.toml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile(pub(crate) &'static str);

impl Profile {
    pub(crate) const DEV: Self = Self("dev");
    /// What is shipped.
    pub(crate) const DIST: Self = Self("dist");

    /// Where cargo puts what it builds, below the target directory.
    fn dir(self) -> &'static str {
        if self.0 == "dev" { "debug" } else { self.0 }
    }
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// A cargo command in the repository, not yet run.
pub(crate) fn cargo(verb: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.arg(verb).current_dir(root());
    command
}

/// Runs a command to its end, its output being ours.
///
/// # Errors
/// If it cannot be run, or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let shown = format!("{} {}", Path::new(command.get_program()).display(), words.join(" "));
    let status = command.status().with_context(|| format!("{shown} cannot be run"))?;
    if !status.success() {
        bail!("{shown} failed: {status}");
    }
    Ok(())
}

/// What `cargo metadata` says of the workspace's own packages.
///
/// # Errors
/// If cargo fails.
pub(crate) fn metadata() -> Result<Value> {
    let output = cargo("metadata").args(["--no-deps", "--format-version", "1"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")
}

/// The target directory, wherever it was moved.
///
/// # Errors
/// If cargo fails.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = metadata()?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    Ok(target.into())
}

/// Where cargo puts what it builds.
///
/// # Errors
/// If cargo fails.
pub(crate) fn output_dir(profile: Profile) -> Result<PathBuf> {
    Ok(target()?.join(profile.dir()))
}
