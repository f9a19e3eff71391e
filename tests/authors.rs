//! The author's loop, as the guide prints it, from an empty folder: a balancer is written, tested, built, checked, and
//! serves in the seed's configuration, with no edit by hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::config::load_line;
use crate::support::origin::Origin;
use crate::support::process::{program, run};
use crate::support::server::Server;
use crate::support::told;

/// An empty folder in which every command runs as in a shell where the group may write what is made.
struct Folder {
    dir: TempDir,
    target: Option<PathBuf>,
}

impl Folder {
    /// With a target directory of its own for all runs: the dependencies are built once.
    fn new() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors-target");
        Self { target: Some(target), ..Self::pristine() }
    }

    fn pristine() -> Self {
        let dir = tempfile::Builder::new().prefix("author-").tempdir().unwrap();
        Self { dir, target: None }
    }

    /// Runs a command below the folder, which has to end well, and answers what it printed.
    fn run(&self, below: &str, words: &[&str]) -> String {
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 002; exec \"$@\"", "sh"])
            .args(words)
            .current_dir(self.dir.path().join(below));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO")) {
            command.env_remove(name);
        }
        // What cargo was told about this repository is not true of the author's crate.
        command.env_remove("RUSTFLAGS").env("PATH", path());
        if let Some(home) = std::env::var_os("CARGO_HOME") {
            command.env("CARGO_HOME", home);
        }
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        let output = command.output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?} in {below:?}: {}\n{text}", output.status);
        text
    }

    fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }
}

/// That of the caller, with the cargo that runs these tests in front.
fn path() -> String {
    let cargo = Path::new(env!("CARGO")).parent().unwrap().display();
    format!("{cargo}:{}", std::env::var("PATH").unwrap_or_default())
}

/// The SDK as it lies in the repository, which has the shape of the one in a tree.
fn crates() -> String {
    format!("{}/crates", env!("CARGO_MANIFEST_DIR"))
}

/// The seed's configuration with two lines more: who answers is drawn by lot, and not in turns.
fn serves(ident: &str, file: &Path) {
    let origins = ["0", "1"].map(Origin::named);
    let [one, two] = origins.each_ref().map(Origin::url);
    let server = Server::conf(&format!(
        "{{lb}}
{load}LBMethod cluster1 {ident}
<IfModule mod_proxy_lb.c>
LBServerCluster cluster1 {one}
LBServerCluster cluster1 {two}
LBProxyPass /file500.html cluster1
LBProxyPass /snoop cluster1
</IfModule>
",
        load = load_line(ident, file)
    ));
    let answers: String = (0..40).map(|_| server.get("/snoop").text()).collect();
    let count = |name| answers.matches(name).count();
    assert_eq!(count("0") + count("1"), 40, "{answers}");
    assert!(count("0") > 4 && count("1") > 4, "{answers}");
    assert!(answers.contains("00") && answers.contains("11"), "turns: {answers}");
}

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
