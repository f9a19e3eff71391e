//! The author's loop, as the guide prints it, from an empty folder: a balancer is written, tested, built, checked, and
//! serves in the seed's configuration, with no edit by hand.

use std::path::Path;
use std::process::Command;

use crate::support::author::{Folder, crates, serves};
use crate::support::process::{program, run};
use crate::support::told;

#[test]
fn a_balancer_is_written_tested_built_and_serves() {
    let folder = Folder::new();
    let program = program().display().to_string();
    let said = folder.run("", &[&program, "module", "new", "lb-mine", "--sdk", &crates()]);
    assert!(said.contains("cd lb-mine\n  cargo test\n  cargo build --release\n"), "{said}");
    let tested = folder.run("lb-mine", &["cargo", "test"]);
    assert!(tested.contains("picks_all_that_are_up_alike ... ok"), "{tested}");
    assert!(tested.contains("c23_repeats_no_endpoint ... ok"), "{tested}");
    let built = folder.run("lb-mine", &["cargo", "build", "--release"]);
    assert!(!built.contains("warning"), "{built}");
    let file = folder.target.as_ref().unwrap().join("release/libmod_lb_mine.so");
    let checked = folder.run("lb-mine", &[&program, "module", "check", &file.display().to_string()]);
    assert!(checked.contains(" 0 failed"), "{checked}");
    serves("lb_mine_module", &file);
}

#[test]
fn a_balancer_in_c_is_written_built_and_serves() {
    let Some(make) = told::program("make") else { return };
    let folder = Folder::new();
    let program = program().display().to_string();
    folder.run("", &[&program, "module", "new", "--c", "lb-mine", "--sdk", &crates()]);
    let built = folder
        .run("lb-mine", &[&make.display().to_string(), "CFLAGS=-std=c99 -Wall -Wextra -pedantic -Werror"]);
    assert!(!built.contains("warning"), "{built}");
    folder.run("lb-mine", &[&program, "module", "check", "mod_lb_mine.so"]);
    let checked = folder.run("lb-mine", &[&program, "-d", ".", "-f", "demo.conf", "-t"]);
    assert!(checked.contains("Syntax OK"), "{checked}");
    serves("lb_mine_module", &folder.file("lb-mine/mod_lb_mine.so"));
}

#[test]
fn what_is_there_already_stays_as_it_is() {
    let folder = Folder::new();
    let program = program().display().to_string();
    std::fs::create_dir(folder.file("lb-mine")).unwrap();
    let mut new = Command::new(&program);
    let output =
        new.args(["module", "new", "lb-mine", "--sdk", &crates()]).current_dir(&folder.dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said, "proxyd: lb-mine is there already: choose another name, or remove it\n");
    assert!(folder.file("lb-mine").read_dir().unwrap().next().is_none());
}

#[test]
fn a_name_that_names_no_package_and_no_ident_is_wrong_usage() {
    for name in ["Lb-mine", "lb_mine", "../lb"] {
        let run = run(["module", "new", name]);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(
            run.stderr.contains("use lower case letters, digits and single hyphens, as in lb-mine"),
            "{run:?}"
        );
    }
}

#[test]
#[ignore = "builds a tree and a crate; run by cargo xtask test --long"]
fn a_tree_is_all_that_an_author_needs() {
    let folder = Folder::pristine();
    let tree = folder.file("tree").display().to_string();
    let mut dist = Command::new(env!("CARGO"));
    dist.args(["run", "--quiet", "--package", "xtask", "--", "dist", "--out", &tree]);
    dist.current_dir(env!("CARGO_MANIFEST_DIR"));
    dist.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("modules-target"));
    let output = dist.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = format!("{tree}/bin/proxyd");
    folder.run("", &[&program, "module", "new", "lb-mine"]);
    folder.run("", &[&program, "module", "new", "--c", "lb-see"]);
    folder.run("lb-mine", &["cargo", "test"]);
    folder.run("lb-mine", &["cargo", "build", "--release"]);
    let checked = folder.run("lb-mine", &[&program, "-d", ".", "-f", "demo.conf", "-t"]);
    assert!(checked.contains("Syntax OK"), "{checked}");
    let manifest = std::fs::read_to_string(folder.file("lb-mine/Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!("{tree}/sdk/proxy-module")), "{manifest}");
    serves("lb_mine_module", &folder.file("lb-mine/target/release/libmod_lb_mine.so"));
    let see = std::fs::read_to_string(folder.file("lb-see/Makefile")).unwrap();
    assert!(see.contains(&format!("SDK = {tree}/sdk\n")), "{see}");
}
