//! What LoadModule says of a file besides its name: where links may lead, who may write it, which sum it has; and what
//! `module inspect` tells of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::module_errors::refusal;
use crate::support::config::Syntax;
use crate::support::modules;
use crate::support::process;
use crate::support::server::Setup;

fn good() -> std::path::PathBuf {
    modules::c("tests/modules/fixtures/good.c", &[])
}

/// The sum that another program finds.
fn sum_of(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// Checks a configuration of one line that loads `m.so` with further words, and answers its messages.
fn with_words(syntax: Syntax, words: &[&str]) -> (Option<i32>, String) {
    let all = [&["fixture_module", "m.so"], words].concat();
    let line = match syntax {
        Syntax::Conf => format!("LoadModule {}\n", all.join(" ")),
        Syntax::Toml => format!("LoadModule = {all:?}\n"),
    };
    let setup = Setup::new(syntax, &line);
    setup.module(&good(), "m.so");
    let run = setup.check(&["-t"]);
    (run.code, run.stderr.replace(&setup.root().display().to_string(), "ROOT"))
}

in_both_syntaxes! {
    fn the_right_sum_passes(syntax) {
        let sum = sum_of(&good());
        for sum in [sum.clone(), sum.to_uppercase()] {
            let (code, said) = with_words(syntax, &[&format!("sha256={sum}")]);
            assert_eq!((code, said.as_str()), (Some(0), "Syntax OK\n"));
        }
    }

    fn another_sum_is_refused_with_both(syntax) {
        let (sum, other) = (sum_of(&good()), "0123456789abcdef".repeat(4));
        let (code, said) = with_words(syntax, &[&format!("sha256={other}")]);
        assert_eq!(code, Some(1), "{said}");
        let text = format!(
            "Syntax error on line 2 of ROOT/{}: ROOT/m.so: has the sum sha256={sum}, but sha256={other} is asked \
             for: if this file is meant, write its own sum",
            syntax.file_name()
        );
        assert!(said.contains(&text), "{said}");
        // Drawn under that word, not under the path.
        let drawn = said.lines().find(|line| line.contains("^^^")).unwrap();
        let source = said.lines().find(|line| line.starts_with("2 |")).unwrap();
        let word = if syntax == Syntax::Toml { "\"sha256" } else { "sha256" };
        assert_eq!(drawn.find('^'), source.find(word), "{said}");
    }

    fn a_sum_that_is_none_is_refused(syntax) {
        for (word, text) in [
            ("sha256=12", "sha256 takes 64 hexadecimal digits, these are 2"),
            ("sha256=", "sha256 takes 64 hexadecimal digits, these are 0"),
            ("sha256=xyz", "sha256 takes hexadecimal digits, `x` is none"),
            ("sha1=12", "LoadModule has no key `sha1`"),
            ("other", "`other` is one argument too many for LoadModule"),
        ] {
            let (code, said) = with_words(syntax, &[word]);
            let head = format!("proxyd: Syntax error on line 2 of ROOT/{}: {text}\n", syntax.file_name());
            assert!(code == Some(1) && said.starts_with(&head), "{word}: {said}");
        }
    }
}

#[test]
fn the_sum_of_inspect_is_the_one_that_passes() {
    let setup = Setup::new(Syntax::Conf, "Include load.conf\n");
    let file = setup.module(&good(), "a directory/m.so");
    let report = process::run(["module", "inspect", &file.display().to_string()]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let line = report.stdout.lines().find(|line| line.contains("LoadModule")).unwrap();
    assert!(line.ends_with(&format!("sha256={}", sum_of(&file))), "{line}");
    setup.file("load.conf", line);
    let run = setup.check(&["-t"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "Syntax OK\n"));
}

#[test]
fn inspect_says_what_the_server_would() {
    let flags = ["-Wl,-rpath,/opt/lib", "-Wl,-z,execstack"];
    let file = modules::c("tests/modules/fixtures/good.c", &flags);
    let report = process::run(["module", "inspect", &file.display().to_string()]);
    assert_eq!(report.code, Some(1), "{report:?}");
    let refused: Vec<_> =
        report.stdout.lines().filter_map(|line| line.strip_prefix("  refused     ")).collect();
    assert_eq!(
        refused,
        [
            "wants its stack executable: link it with -z noexecstack",
            "has the RUNPATH \"/opt/lib\", where other files would be looked for: link it without -rpath, or run \
             `patchelf --remove-rpath` on it"
        ]
    );
    assert!(!report.stdout.contains("LoadModule"), "{report:?}");
}

#[test]
fn constructors_are_warned_of() {
    let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module m.so\n");
    let file = setup.module(&modules::c("tests/modules/fixtures/constructors.c", &[]), "m.so");
    let warning = "5 functions of it run as soon as it is loaded, of a module of the SDK at most 3: ask its author \
                   what for";
    let run = setup.check(&["-t"]);
    let said =
        format!("proxyd: Warning on line 2 of {}: {}: {warning}\n", setup.config().display(), file.display());
    assert!(run.code == Some(0) && run.stderr.starts_with(&said), "{run:?}");
    let report = process::run(["module", "inspect", &file.display().to_string()]);
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(report.stdout.contains(&format!("  warning     {warning}\n")), "{report:?}");
}

#[test]
fn links_stay_below_the_server_root() {
    let outside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = outside.path().join("m.so");
    fs::copy(good(), &file).unwrap();
    let text = refusal("fixture_module", "m.so", |root| symlink(&file, root.join("m.so")).unwrap());
    let real = file.canonicalize().unwrap();
    assert_eq!(
        text,
        format!(
            "ROOT/m.so: a link on the way leads to {}, outside of ServerRoot ROOT: name the file by its absolute path \
             if it is meant",
            real.display()
        )
    );
    for absolute in [false, true] {
        let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module link/m.so\n");
        let file = setup.module(&good(), "v1/m.so");
        let to = if absolute { file.parent().unwrap() } else { Path::new("v1") };
        symlink(to, setup.root().join("link")).unwrap();
        assert_eq!(setup.check(&["-t"]).stderr, "Syntax OK\n");
    }
    let text = format!("LoadModule fixture_module {}\n", file.display());
    assert_eq!(Setup::new(Syntax::Conf, &text).check(&["-t"]).stderr, "Syntax OK\n", "an absolute path");
}

/// What is said of `modules/far/m.so` with the mode of one of them changed; `None` if nothing is.
fn said_with_mode(name: &str, mode: u32) -> Option<String> {
    let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module modules/far/m.so\n");
    setup.module(&good(), "modules/far/m.so");
    let chmod = |name: &str, mode| {
        fs::set_permissions(setup.root().join(name), Permissions::from_mode(mode)).unwrap();
    };
    for name in ["modules/far/m.so", "modules/far", "modules"] {
        chmod(name, 0o755);
    }
    if name == "group" {
        std::os::unix::fs::chown(setup.root().join("modules/far/m.so"), None, Some(12_345)).unwrap();
        chmod("modules/far/m.so", mode);
    } else {
        chmod(name, mode);
    }
    let run = setup.check(&["-t"]);
    let first = run.stderr.lines().next().unwrap().replace(&setup.root().display().to_string(), "ROOT");
    let is_root = rustix::process::geteuid().is_root();
    let kind = if is_root { "Syntax error" } else { "Warning" };
    let text =
        first.strip_prefix(&format!("proxyd: {kind} on line 2 of ROOT/proxyd.conf: ROOT/modules/far/m.so: "));
    assert_eq!(run.code, Some(i32::from(text.is_some() && is_root)), "{run:?}");
    text.map(|text| text.replace(", and the server runs as root", ""))
}

#[test]
fn whoever_may_write_the_file_or_a_directory_above_it_is_told_of() {
    let writable = |name: &str, mode: &str, who: &str| {
        Some(format!("ROOT/{name} has mode {mode}, which lets {who} write it: chmod go-w ROOT/{name}"))
    };
    let file = "modules/far/m.so";
    assert_eq!(said_with_mode(file, 0o755), None);
    assert_eq!(said_with_mode(file, 0o666), writable(file, "0666", "everybody"));
    assert_eq!(said_with_mode("modules/far", 0o777), writable("modules/far", "0777", "everybody"));
    assert_eq!(said_with_mode("modules", 0o777), writable("modules", "0777", "everybody"));
    assert_eq!(said_with_mode("modules", 0o1777), None);
    if rustix::process::geteuid().is_root() {
        assert_eq!(said_with_mode("group", 0o664), writable(file, "0664", "its group"));
    }
}
