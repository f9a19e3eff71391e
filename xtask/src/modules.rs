//! Modules as files: each package `mod-x` built as a shared library `mod_x.so`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::{Profile, cargo, output_dir, root, run};

/// The modules of the product.
pub(crate) const PRODUCT: &str = "modules";

/// Those that only tests load.
pub(crate) const TESTS: &str = "tests/modules";

/// Builds the modules of the product into `out`.
///
/// # Errors
/// If one does not build.
pub(crate) fn build(profile: Profile, out: &Path) -> Result<()> {
    build_below(PRODUCT, profile, out)
}

/// Builds the modules that only tests load into `out`.
///
/// # Errors
/// If one does not build.
pub(crate) fn build_for_tests(profile: Profile, out: &Path) -> Result<()> {
    build_below(TESTS, profile, out)
}

/// Builds the module of one package into `out`; its file.
///
/// # Errors
/// If it does not build.
pub(crate) fn build_package(package: &str, profile: Profile, out: &Path) -> Result<PathBuf> {
    build_by(cargo("rustc"), &output_dir(profile)?, package, profile, out)
}

/// The same by `rustc`, the beginning of a `cargo rustc` that leaves its work in `built`.
///
/// # Errors
/// If it does not build.
pub(crate) fn build_by(
    mut rustc: Command,
    built: &Path,
    package: &str,
    profile: Profile,
    out: &Path,
) -> Result<PathBuf> {
    rustc.args(["--quiet", "--lib", "--crate-type", "cdylib", "--profile", profile.0]);
    run(rustc.args(["--package", package]))?;
    let file = format!("{}.so", package.replace('-', "_"));
    let placed = out.join(&file);
    place(&built.join(format!("lib{file}")), &placed)?;
    Ok(placed)
}

fn build_below(dir: &str, profile: Profile, out: &Path) -> Result<()> {
    for package in packages(dir)? {
        let placed = build_package(&package, profile, out)?;
        println!("built {}", placed.display());
    }
    Ok(())
}

/// The folders `mod-x` in `dir` of the repository that are packages, in the order of their names.
///
/// # Errors
/// Those of the file system.
pub(crate) fn packages(dir: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join(dir)).with_context(|| dir.to_owned())? {
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
