//! Modules built with the frozen header of each version: the good ones serve, the others are refused in these words.

use std::fs;
use std::path::Path;

use crate::support::config::{Syntax, load_line as load};
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::ports::Refused;
use crate::support::server::{Server, Setup};

/// What today's server says of the fixtures of a version that are wrong.
struct Frozen {
    version: &'static str,
    refusals: &'static [(&'static str, &'static str)],
}

const FROZEN: [Frozen; 1] = [Frozen {
    version: "0.1",
    refusals: &[
        (
            "wrong_magic",
            "ROOT/m.so: the symbol fixture_module begins with 51584d4f44554c45 where a module's record has \
             50584d4f44554c45: it is not a module's record, or one of another kind of server",
        ),
        (
            "wrong_major",
            "ROOT/m.so: fixture_module needs module ABI 2.1, this server speaks 0.1: rebuild it with proxy-module \
             0.1 or use a 2.x server",
        ),
        (
            "too_new_minor",
            "ROOT/m.so: fixture_module needs module ABI 0.7, this server speaks 0.1: rebuild it with proxy-module 0.1",
        ),
        (
            "wrong_signature",
            "fixture_module implements proxy.load_balance with signature 0123456789abcdef, the core declares it \
             with ff5a092855dfe0b4: rebuild the module against the declarer's version",
        ),
    ],
}];

#[test]
fn each_folder_is_tested() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules/fixtures");
    let folders = fs::read_dir(dir).unwrap().flatten().filter(|entry| entry.path().is_dir());
    let mut folders: Vec<String> = folders.map(|entry| entry.file_name().display().to_string()).collect();
    folders.sort();
    assert_eq!(folders, FROZEN.map(|frozen| frozen.version.to_owned()));
}

#[test]
fn the_good_ones_serve() {
    for Frozen { version, .. } in FROZEN {
        for name in ["good", "short_table"] {
            // The first usable one is always asked first: its refusal is reported, and the next one answers.
            let (refused, origin) = (Refused::new(), Origin::named("ok"));
            let mut server = Server::conf(&format!(
                "{}FixtureCluster c {} {}\nFixtureProxyPass / c\n",
                load("fixture_module", &modules::frozen(version, name)),
                refused.url(),
                origin.url()
            ));
            for _ in 0..10 {
                let answer = server.get("/");
                assert_eq!((answer.status, &*answer.text()), (200, "ok"), "{version} {name}");
            }
            assert_eq!(origin.count(), 10);
            assert!(server.is_running(), "nothing beyond the end of its table was called: {version} {name}");
            let log = server.stop().1;
            assert!(!log.contains("round robin"), "no fault: {version} {name}\n{log}");
        }
    }
}

#[test]
fn the_others_are_refused_in_these_words() {
    for Frozen { version, refusals } in FROZEN {
        for (name, expected) in refusals {
            let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module m.so\n");
            fs::copy(modules::frozen(version, name), setup.root().join("m.so")).unwrap();
            let run = setup.check(&["-t"]);
            assert_eq!(run.code, Some(1), "{version} {name}: {run:?}");
            let first = run.stderr.lines().next().unwrap_or_default();
            let head = format!("proxyd: Syntax error on line 2 of {}: ", setup.config().display());
            let text = first.strip_prefix(&head).or_else(|| first.strip_prefix("proxyd: ")).unwrap_or(first);
            let text = text.replace(&setup.root().display().to_string(), "ROOT");
            assert_eq!(text, *expected, "{version} {name}");
        }
    }
}

#[test]
fn a_table_without_its_required_functions_is_a_fault_and_costs_no_request() {
    let origin = Origin::named("ok");
    let mut server = Server::conf(&format!(
        "{}FixtureCluster c {}\nFixtureProxyPass / c\n",
        load("fixture_module", &modules::c("tests/modules/fixtures/too_short_table.c", &[])),
        origin.url()
    ));
    assert_eq!(server.get("/").status, 200);
    server.wait_for_log("the built-in round robin answers instead");
}
