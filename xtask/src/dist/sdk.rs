//! The SDK in a tree: the crates that authors build against, as a workspace that needs nothing else of this one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::copy_dir;
use crate::cargo::root;
use crate::modules::place;

const CRATES: [&str; 4] = ["proxy-abi", "proxy-module", "proxy-module-derive", "proxy-module-test"];

/// Of a crate, what its users need. Its own tests stay behind.
const PARTS: [&str; 5] = ["src", "include", "build.rs", "SAFETY.md", "ABI-CHANGES.md"];

/// Lays out `out`: a folder for each crate, and the manifest that they inherit from.
///
/// # Errors
/// If something cannot be read or written, or a crate wants what the workspace does not say.
pub(super) fn place_sdk(out: &Path) -> Result<()> {
    let mut manifests = String::new();
    for name in CRATES {
        let (from, to) = (root().join("crates").join(name), out.join(name));
        for part in PARTS.map(|part| from.join(part)).iter().filter(|part| part.exists()) {
            let to = to.join(part.file_name().unwrap_or_default());
            if part.is_dir() { copy_dir(part, &to)? } else { place(part, &to)? }
        }
        let manifest = without_dev_dependencies(&read(&from.join("Cargo.toml"))?);
        fs::write(to.join("Cargo.toml"), &manifest)?;
        manifests += &manifest;
    }
    place(&root().join("LICENSE"), &out.join("LICENSE"))?;
    let workspace = workspace(&read(&root().join("Cargo.toml"))?, &manifests)?;
    fs::write(out.join("Cargo.toml"), workspace)?;
    println!("built {}", out.display());
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// The tables of a manifest, each with its header; what stands before the first one comes with an empty header.
fn tables(manifest: &str) -> Vec<(&str, Vec<&str>)> {
    let mut tables = vec![("", Vec::new())];
    for line in manifest.lines() {
        match tables.last_mut() {
            Some((_, lines)) if !line.starts_with('[') => lines.push(line),
            _ => tables.push((line, Vec::new())),
        }
    }
    tables
}

fn without_dev_dependencies(manifest: &str) -> String {
    let kept = tables(manifest).into_iter().filter(|(header, _)| *header != "[dev-dependencies]");
    kept.flat_map(|(header, lines)| std::iter::once(header).chain(lines))
        .skip_while(|line| line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The manifest of the SDK: of the repository's, what its crates inherit.
fn workspace(manifest: &str, crates: &str) -> Result<String> {
    let mut text = format!("[workspace]\nresolver = \"3\"\nmembers = {CRATES:?}\n");
    for (header, lines) in tables(manifest) {
        let inherited: Vec<String> = match header {
            "[workspace.package]" => lines.iter().map(|line| (*line).to_owned()).collect(),
            "[workspace.dependencies]" => lines.iter().filter_map(|line| dependency(line, crates)).collect(),
            _ if header.starts_with("[workspace.lints.") => {
                lines.iter().map(|line| (*line).to_owned()).collect()
            }
            _ => continue,
        };
        text += &format!("\n{header}\n{}\n", inherited.join("\n").trim_end());
    }
    let wanted = crates.lines().filter_map(|line| line.strip_suffix(".workspace = true"));
    for name in
        wanted.filter(|name| !["version", "edition", "rust-version", "license", "publish"].contains(name))
    {
        if !text.contains(&format!("\n{name} = ")) {
            bail!("the SDK wants {name}, which the root's Cargo.toml does not say");
        }
    }
    Ok(text)
}

/// The line of a dependency that one of the crates has.
fn dependency(line: &str, crates: &str) -> Option<String> {
    let (name, _) = line.split_once(" = ")?;
    let is_wanted = crates.lines().any(|wanted| {
        wanted == format!("{name}.workspace = true")
            || wanted.starts_with(&format!("{name} = {{ workspace = true"))
    });
    is_wanted.then(|| line.replace("path = \"crates/", "path = \""))
}
