//! The unit files: that systemd understands them, what it thinks of their sandbox, and that the server needs nothing
//! that the sandbox forbids.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::config::{Balanced, Syntax};
use crate::support::origin::Origin;
use crate::support::process::{Watched, program};
use crate::support::server::Setup;
use crate::support::told;

/// Where the unit files look for the server.
const TREE: &str = "/opt/proxyd";

/// The unit files for a tree of the test's own, which has a program in it.
fn units() -> TempDir {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let tree = dir.path().join("tree");
    fs::create_dir_all(tree.join("bin")).unwrap();
    fs::create_dir(tree.join("conf")).unwrap();
    fs::write(tree.join("conf/proxyd.conf"), "").unwrap();
    let program = tree.join("bin/proxyd");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["proxyd.service", "proxyd.socket"] {
        let text = fs::read_to_string(shipped(name)).unwrap();
        fs::write(dir.path().join(name), text.replace(TREE, tree.to_str().unwrap())).unwrap();
    }
    dir
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/systemd").join(name)
}

/// With nothing but the units of `dir` and what systemd brings.
fn analyze(dir: &Path, args: &[&str]) -> Option<Output> {
    // Not asked of whoever runs the tests: it comes with systemd alone.
    if !Path::new("/usr/bin/systemd-analyze").is_file() {
        told::skipped("systemd-analyze not installed");
        return None;
    }
    Some(Command::new("/usr/bin/systemd-analyze").args(args).current_dir(dir).output().unwrap())
}

#[test]
fn systemd_understands_the_units() {
    let units = units();
    let Some(output) = analyze(units.path(), &["verify", "--man=no", "./proxyd.service", "./proxyd.socket"])
    else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    // What systemd before 253 says, and is prepared for.
    let known = "Failed to parse service type, ignoring: notify-reload";
    let complaints: Vec<_> =
        said.lines().filter(|line| line.contains("proxyd") && !line.contains(known)).collect();
    assert!(output.status.success() && complaints.is_empty(), "{said}");
}

#[test]
fn the_sandbox_is_as_tight_as_it_was() {
    let units = units();
    // One tenth of each is for capset, by which the trial of a module file gives up what capabilities there are.
    for (what, drop_in, bound) in [("alone", false, 15), ("with proxyd.socket", true, 12)] {
        if drop_in {
            let dir = units.path().join("proxyd.service.d");
            fs::create_dir(&dir).unwrap();
            fs::copy(shipped("proxyd.service.d/socket.conf"), dir.join("socket.conf")).unwrap();
        }
        let threshold = format!("--threshold={bound}");
        let args = ["security", "--offline=true", "--no-pager", &threshold, "./proxyd.service"];
        let Some(output) = analyze(units.path(), &args) else { return };
        let said = String::from_utf8_lossy(&output.stdout);
        let level = said.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_default();
        told::figure(format_args!("{what}: {level}"));
        assert!(output.status.success(), "{what}: {said}");
    }
}

/// A server with the round robin, and what starts it under something else.
fn balanced(origin: &Origin) -> Setup {
    Setup::new(Syntax::Conf, &Balanced::snoop([origin.url()]).text(Syntax::Conf))
}

/// The names that `systemd-analyze syscall-filter` puts into a set.
fn calls_of(set: &str) -> Option<BTreeSet<String>> {
    let output = analyze(Path::new("/"), &["--no-pager", "syscall-filter", set])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut calls = BTreeSet::new();
    for name in text.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match name.strip_prefix('@') {
            Some(_) => calls.extend(calls_of(name)?),
            None => drop(calls.insert(name.to_owned())),
        }
    }
    Some(calls)
}

/// Those that the unit's lines leave, one after the other.
fn allowed_calls() -> Option<BTreeSet<String>> {
    let mut allowed = BTreeSet::new();
    let unit = fs::read_to_string(shipped("proxyd.service")).unwrap();
    for line in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let forbidden = line.strip_prefix('~');
        for word in forbidden.unwrap_or(line).split(' ') {
            let calls = if word.starts_with('@') { calls_of(word)? } else { [word.to_owned()].into() };
            match forbidden {
                Some(_) => allowed.retain(|call| !calls.contains(call)),
                None => allowed.extend(calls),
            }
        }
    }
    Some(allowed)
}

#[test]
fn the_server_calls_nothing_that_the_filter_of_the_unit_forbids() {
    let Some(allowed) = allowed_calls() else { return };
    let Some(strace) = told::program("strace") else { return };
    let origin = Origin::named("ok");
    let setup = balanced(&origin);
    let trace = setup.root().join("trace");
    let server = setup.command();
    let mut command = Command::new(strace);
    command.args(["-f", "-qq", "-o", trace.to_str().unwrap()]).arg(program()).args(server.get_args());
    let may_trace = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !may_trace.is_ok_and(|output| output.status.success()) {
        return told::skipped("strace may trace nothing here");
    }
    let mut server = setup.started(Watched::spawn(command));
    assert_eq!(server.get("/snoop").text(), "ok");
    // To the server itself, which strace has started.
    let text = fs::read_to_string(&trace).unwrap();
    let pid = text.split(' ').next().unwrap().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.wait().code(), Some(0));

    let text = fs::read_to_string(&trace).unwrap();
    let call = |line: &str| {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let name = rest.split('(').next().filter(|_| rest.contains('('))?;
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            .then(|| name.to_owned())
    };
    let called: BTreeSet<String> = text.lines().filter_map(call).collect();
    assert!(called.contains("epoll_wait") || called.contains("epoll_pwait"), "{called:?}");
    assert!(called.contains("memfd_create") || crate::support::config::is_static(), "{called:?}");
    let forbidden: Vec<_> = called.difference(&allowed).collect();
    assert!(forbidden.is_empty(), "{forbidden:?} of {called:?}");
    // What MemoryDenyWriteExecute forbids: memory that can be written and run, or that is made to run.
    let is_denied = |line: &&str| {
        let runs = line.contains("PROT_EXEC");
        runs && (line.contains(" mprotect(") || line.contains(" mmap(") && line.contains("PROT_WRITE"))
    };
    let denied: Vec<_> = text.lines().filter(is_denied).collect();
    assert!(denied.is_empty(), "{denied:#?}");
}

/// PR_SET_MDWE and PR_MDWE_REFUSE_EXEC_GAIN of prctl(2), of Linux 6.3.
const DENIED: &str = "import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])";

#[test]
fn modules_load_where_no_memory_may_be_made_to_run() {
    let Some(python) = told::program("python3") else { return };
    let knows = Command::new(&python).args(["-c", DENIED, "/bin/true"]).output().unwrap();
    if knows.status.code() == Some(77) {
        return told::skipped("the kernel has no PR_SET_MDWE");
    }
    let origin = Origin::named("ok");
    let setup = balanced(&origin);
    let server = setup.command();
    let mut command = Command::new(python);
    command.args(["-c", DENIED]).arg(program()).args(server.get_args());
    let server = setup.started(Watched::spawn(command));
    assert_eq!(server.get("/snoop").text(), "ok");
    assert_eq!(server.stop().0.code(), Some(0));
}
