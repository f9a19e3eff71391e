//! Modules as files: each package `mod-x` built as a shared library `mod_x.so`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cargo::{Profile, cargo, output_dir, root, run};

/// Builds the modules of the product into `out`.
///
/// # Errors
/// If one does not build.
pub(crate) fn build(profile: Profile, out: &Path) -> Result<()> {
    build_below("modules", profile, out)
}

/// Builds the modules that only tests load into `out`.
///
/// # Errors
/// If one does not build.
pub(crate) fn build_for_tests(out: &Path) -> Result<()> {
    build_below("tests/modules", Profile::DEV, out)
}

/// Builds the module of one package into `out`; its file.
///
/// # Errors
/// If it does not build.
pub(crate) fn build_package(package: &str, profile: Profile, out: &Path) -> Result<PathBuf> {
    let mut command = cargo("rustc");
    command.args(["--quiet", "--lib", "--crate-type", "cdylib", "--profile", profile.0]);
    run(command.args(["--package", package]))?;
    let file = format!("{}.so", package.replace('-', "_"));
    let built = output_dir(profile)?.join(format!("lib{file}"));
    let placed = out.join(file);
    place(&built, &placed)?;
    Ok(placed)
}

fn build_below(dir: &str, profile: Profile, out: &Path) -> Result<()> {
    for package in packages(&root().join(dir))? {
        let placed = build_package(&package, profile, out)?;
        println!("built {}", placed.display());
    }
    Ok(())
}

/// The folders `mod-x` that are packages, in the order of their names.
fn packages(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("mod-") && entry.path().join("Cargo.toml").is_file() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Copies a file to where it is used; by renaming, since a server may be running from the old one.
///
/// # Errors
/// Those of the file system.
pub(crate) fn place(from: &Path, to: &Path) -> Result<()> {
    let dir = to.parent().context("a file has a directory")?;
    fs::create_dir_all(dir)?;
    let new = PathBuf::from(format!("{}.new", to.display()));
    fs::copy(from, &new).with_context(|| format!("copying {}", from.display()))?;
    fs::rename(&new, to)?;
    Ok(())
}
