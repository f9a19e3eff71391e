//! `modules/template` outside of this workspace: with its own lock file and no network, by each toolchain there is, and in
//! C with the header alone. The file loads, passes the checks, and serves.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::author::{Folder, Toolchain, crates, serves};
use crate::support::process::program;
use crate::support::told::{self, figure, skipped};

fn template(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/template").join(below)
}

/// Copies the crate as it is, but for the path of the SDK, which is relative in the repository.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            let text = fs::read_to_string(entry.path()).unwrap();
            fs::write(to, text.replace("../../../crates", &crates())).unwrap();
        }
    }
}

/// Builds the crate of the template and answers the file.
fn built(folder: &Folder) -> PathBuf {
    copy(&template("rust"), &folder.file("lb"));
    folder.run("lb", &["cargo", "build", "--release", "--locked", "--offline"]);
    folder.target.as_ref().unwrap().join("release/libmod_lb_template.so")
}

/// What `module inspect` says after `built by`, of a file that passes `module check`.
fn checked(folder: &Folder, file: &Path) -> String {
    let (program, file) = (program().display().to_string(), file.display().to_string());
    let report = folder.run("", &[&program, "module", "check", &file]);
    assert!(report.contains(" 0 failed"), "{report}");
    let facts = folder.run("", &[&program, "module", "inspect", &file]);
    let line = facts.lines().find_map(|line| line.trim_start().strip_prefix("built by"));
    line.unwrap_or_else(|| panic!("{facts}")).trim_start().to_owned()
}

#[test]
fn the_crate_builds_outside_with_its_own_lock_file() {
    let folder = Folder::new();
    let file = built(&folder);
    checked(&folder, &file);
    serves("lb_template_module", &file);
}

#[test]
fn the_crate_built_by_another_compiler_loads_and_serves() {
    let others = Toolchain::others();
    if others.is_empty() {
        skipped("rustup has no toolchain with another compiler, of the SDK's Rust or later");
    }
    for toolchain in others {
        let folder = Folder::of(&toolchain);
        let file = built(&folder);
        let by = checked(&folder, &file);
        assert!(by.starts_with(&toolchain.version), "{by}: not by {}", toolchain.version);
        serves("lb_template_module", &file);
        figure(format_args!("a module built by {} loads, passes and serves", toolchain.version));
    }
}

#[test]
fn the_c_module_needs_the_header_alone() {
    let Some(cc) = told::program("cc") else { return };
    let folder = Folder::new();
    let header = Path::new(&crates()).join("proxy-abi/include/proxy_module.h");
    fs::copy(header, folder.file("proxy_module.h")).unwrap();
    fs::copy(template("c/lb_template.c"), folder.file("lb_template.c")).unwrap();
    let cc = cc.display().to_string();
    let flags = "-std=c99 -Wall -Wextra -pedantic -Werror -O2 -shared -fPIC -fvisibility=hidden";
    let mut words = vec![cc.as_str()];
    words.extend(flags.split(' '));
    words.extend(["-o", "mod_lb_template.so", "lb_template.c"]);
    folder.run("", &words);
    let file = folder.file("mod_lb_template.so");
    let by = checked(&folder, &file);
    assert!(by.starts_with("C ") && by.ends_with("; proxy_module.h 0.1"), "{by}");
    serves("lb_template_module", &file);
}

/// So that the crate builds wherever this repository did, and authors start with versions that were tested.
#[test]
fn the_lock_file_of_the_crate_names_versions_of_the_workspaces() {
    let packages = |path: &Path| -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let packages = text.split("[[package]]").skip(1).map(str::trim);
        let facts = packages.map(|package| package.lines().take(2).collect::<Vec<_>>().join(" "));
        facts.filter(|facts| !facts.contains("lb-template")).collect()
    };
    let workspace = packages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"));
    let own = packages(&template("rust/Cargo.lock"));
    assert!(own.len() > 10, "{own:?}");
    let strange: Vec<&String> = own.iter().filter(|package| !workspace.contains(package)).collect();
    assert!(strange.is_empty(), "run cargo update in modules/template/rust: {strange:?}");
}
