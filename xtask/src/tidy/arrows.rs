//! Which crate may depend on which, read from `cargo metadata`.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo::metadata;

/// What each crate may depend on, of ours, for its library or program. Tests may look further.
const ALLOWED: &[(&str, &[&str])] = &[
    ("proxy-abi", &[]),
    ("proxy-module-derive", &[]),
    ("proxy-module", &["proxy-abi", "proxy-module-derive"]),
    ("proxy-module-test", &["proxy-abi", "proxy-module"]),
    ("proxy-config", &[]),
    ("proxy-core", &["proxy-abi", "proxy-config"]),
    ("proxy-dso", &["proxy-abi", "proxy-core"]),
    ("proxy-http", &["proxy-abi", "proxy-core"]),
    ("geo-hook", &["proxy-module"]),
    ("xtask", &[]),
];

/// A module knows the SDK, and the hooks that other modules declare.
const MODULE: &[&str] = &["proxy-module", "geo-hook"];

/// No crate below the server may bring these in: what they do is done elsewhere, or not at all.
const STRANGERS: &[(&str, &[&str])] = &[
    ("proxy-core", &["tokio", "socket2", "libloading", "hyper"]),
    ("proxy-config", &["tokio", "socket2", "libloading", "tracing"]),
    ("proxy-http", &["libloading"]),
    ("proxy-dso", &["tokio", "socket2"]),
    ("proxy-module", &["tokio", "libloading"]),
];

/// Each dependency that should not be there.
///
/// # Errors
/// If cargo fails.
pub(crate) fn faults() -> Result<Vec<String>> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    Ok(packages.iter().flat_map(|package| faults_of(package, &names)).collect())
}

fn faults_of(package: &Value, ours: &[&str]) -> Vec<String> {
    let Some(name) = package["name"].as_str() else { return Vec::new() };
    let dependencies = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
    let wrong = normal.filter_map(|dependency| dependency["name"].as_str()).filter(|dependency| {
        let allowed = match ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) {
            Some((_, allowed)) => Some(*allowed),
            None if name.starts_with("mod-") => Some(MODULE),
            // The program, and what measures it, may know all.
            None => None,
        };
        let strangers = STRANGERS.iter().filter(|(crate_name, _)| *crate_name == name);
        let sideways =
            ours.contains(dependency) && allowed.is_some_and(|allowed| !allowed.contains(dependency));
        sideways || strangers.flat_map(|(_, strangers)| *strangers).any(|stranger| stranger == dependency)
    });
    wrong.map(|dependency| format!("{name} may not depend on {dependency}: see ARCHITECTURE.md")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> Value {
        let dependencies: Vec<_> =
            dependencies.iter().map(|name| serde_json::json!({ "name": name, "kind": null })).collect();
        serde_json::json!({ "name": name, "dependencies": dependencies })
    }

    #[test]
    fn arrows_go_up_only() {
        let ours =
            ["proxy-abi", "proxy-config", "proxy-core", "proxy-dso", "proxy-http", "proxy-module", "proxyd"];
        let table: &[(&str, &[&str], usize)] = &[
            ("proxy-core", &["proxy-abi", "proxy-config", "thiserror"], 0),
            ("proxy-core", &["proxy-dso", "tokio"], 2),
            ("proxy-http", &["proxy-core", "proxy-dso", "libloading"], 2),
            ("proxy-dso", &["proxy-http"], 1),
            ("mod-x", &["proxy-module", "serde"], 0),
            ("mod-x", &["proxy-module", "proxy-core", "proxy-abi"], 2),
            ("proxyd", &["proxy-core", "proxy-dso", "proxy-http", "tokio"], 0),
        ];
        for (name, dependencies, wrong) in table {
            assert_eq!(
                faults_of(&package(name, dependencies), &ours).len(),
                *wrong,
                "{name} {dependencies:?}"
            );
        }
    }

    #[test]
    fn tests_may_look_further() {
        let mut package = package("proxy-core", &["proxy-dso"]);
        package["dependencies"][0]["kind"] = "dev".into();
        assert!(faults_of(&package, &["proxy-dso"]).is_empty());
    }
}
