//! Hooks that modules declare, implement and run: `com.example.geo.locate` in all combinations of its modules.

use crate::support::config::{Syntax, load_line as load};
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::server::{Server, Setup};

fn geo() -> String {
    load("geo_module", &modules::rust("mod-geo")) + "GeoDeny xx DE\n"
}

fn table() -> String {
    load("geo_table_module", &modules::rust("mod-geo-table")) + "GeoTable 127.0.0.0/8 de\n"
}

#[test]
fn a_country_is_denied_only_if_the_hook_is_declared_and_implemented() {
    let cases = [
        (String::new(), 200),
        (geo(), 200),
        (table(), 200),
        (geo() + &table(), 403),
        (table() + &geo(), 403),
    ];
    for (lines, status) in cases {
        let origin = Origin::named("ok");
        let server = Server::conf(&format!("{lines}ProxyPass / {}/\n", origin.url()));
        assert_eq!(server.get("/").status, status, "{lines}");
    }
}

#[test]
fn the_smallest_network_counts() {
    let origin = Origin::named("ok");
    let lines = geo() + &table() + "GeoTable 127.0.0.1/32 FR\n";
    let server = Server::conf(&format!("{lines}ProxyPass / {}/\n", origin.url()));
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn a_balancer_uses_the_hook_and_does_without_it() {
    let cases = [(String::new(), "a"), (geo(), "a"), (table(), "a"), (geo() + &table(), "b")];
    for (lines, name) in cases {
        let (a, b) = (Origin::named("a"), Origin::named("b"));
        let server = Server::conf(
            &format!(
                "{lines}{}GeoCluster c {} {}\nGeoPrefer DE {}\nGeoProxyPass / c\n",
                load("lb_geo_module", &modules::rust("mod-lb-geo")),
                a.url(),
                b.url(),
                b.url()
            )
            .replace("GeoDeny xx DE", "GeoDeny xx"),
        );
        assert_eq!(server.get("/").text(), name, "{lines}");
    }
}

#[test]
fn a_preference_for_nobody_is_refused_by_name() {
    let lb_geo = load("lb_geo_module", &modules::rust("mod-lb-geo"));
    for (lines, why) in [
        (
            "GeoPrefer DE http://127.0.0.1:2\n",
            "lb_geo_module: GeoPrefer DE http://127.0.0.1:2: no GeoCluster has that",
        ),
        ("GeoPrefer DE http://127.0.0.1:1/\n", "add it to one, or write its URL as it stands there"),
        ("GeoPrefer DEU http://127.0.0.1:1\n", "GeoPrefer DEU: write a country's two letters, as DE"),
    ] {
        let text = format!("{lb_geo}GeoCluster c http://127.0.0.1:1\nGeoProxyPass / c\n{lines}");
        let run = Setup::new(Syntax::Conf, &text).check(&["-t"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains(why), "`{why}` is not in {}", run.stderr);
    }
}

#[test]
fn the_dump_says_who_declares_implements_and_runs_it() {
    let run = Setup::new(Syntax::Conf, &(geo() + &table())).check(&["-t", "-D", "DUMP_HOOKS"]);
    let text = format!("{run:?}");
    for part in [
        "com.example.geo.locate FIRST (",
        "declared by geo_module: says in which country a client is",
        "run by geo_module",
        "1. geo_table_module (shared) order 10",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

fn in_c(flags: &[&str]) -> String {
    load("c_geo_module", &modules::c("tests/modules/c_geo.c", flags))
}

#[test]
fn a_module_in_c_implements_the_hook_in_its_place() {
    let french = table().replace(" de\n", " FR\n");
    let cases = [
        (geo() + &in_c(&[]), 403),
        (geo() + &french + &in_c(&[]), 200),
        (geo() + &french + &in_c(&["-DORDER=0"]), 403),
        (geo() + &french + &in_c(&["-DBEFORE"]), 403),
        (geo() + &in_c(&["-DAFTER"]) + &french, 200),
    ];
    for (lines, status) in cases {
        let origin = Origin::named("ok");
        let server = Server::conf(&format!("{lines}ProxyPass / {}/\n", origin.url()));
        assert_eq!(server.get("/").status, status, "{lines}");
    }
}

#[test]
fn wrong_signatures_and_rings_are_refused_by_name() {
    let cases: [(&[&str], &[&str]); 2] = [
        (
            &["-DSIG=7"],
            &[
                "c_geo_module implements com.example.geo.locate with signature 0000000000000007",
                "geo_module declares it with",
            ],
        ),
        (
            &["-DBEFORE", "-DAFTER"],
            &["the order of com.example.geo.locate cannot be satisfied", "c_geo_module -> geo_table_module"],
        ),
    ];
    for (flags, parts) in cases {
        let run = Setup::new(Syntax::Conf, &(geo() + &table() + &in_c(flags))).check(&["-t"]);
        let text = format!("{run:?}");
        for part in parts {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

#[test]
fn a_fault_of_an_implementation_is_blamed_on_it() {
    let origin = Origin::named("ok");
    let lines = geo() + &in_c(&["-DANSWER=PM_PANICKED"]);
    let mut server = Server::conf(&format!("{lines}ProxyPass / {}/\n", origin.url()));
    assert_eq!(server.get("/").status, 500);
    server.wait_for_log("c_geo_module answered PANICKED to com.example.geo.locate: the atlas is torn");
    assert!(server.is_running());
}

fn nested(flags: &[&str]) -> (u16, String) {
    let origin = Origin::named("ok");
    let lines = load("c_nest_module", &modules::c("tests/modules/c_nest.c", flags)) + "LogLevel info\n";
    let server = Server::conf(&format!("{lines}ProxyPass / {}/\n", origin.url()));
    let statuses = [(); 3].map(|()| server.get("/").status);
    assert_eq!(statuses, [statuses[0]; 3], "{flags:?}: the chain of calls was left again");
    (statuses[0], server.stop().1)
}

/// A module in C declares, implements and runs them, one within the other.
#[test]
fn a_ninth_run_within_runs_is_refused_and_so_is_one_that_is_running() {
    for (flags, status, ran) in [
        (&["-DDEPTH=2"][..], 200, 2),
        (&["-DDEPTH=8"], 200, 8),
        (&["-DDEPTH=9"], 508, 8),
        (&["-DDEPTH=30"], 508, 8),
        (&["-DDEPTH=1", "-DLOOP"], 508, 1),
        (&["-DDEPTH=3", "-DLOOP"], 508, 3),
    ] {
        let (got, log) = nested(flags);
        assert_eq!(got, status, "{flags:?}: {log}");
        assert_eq!(log.matches(&format!("nest: {ran} ran")).count(), 3, "{flags:?}: {log}");
    }
}

/// What a panic comes to under load is a topic of `contained`.
#[test]
fn a_panic_of_a_rust_implementation_is_told_once_with_its_place_and_the_next_request_works() {
    let origin = Origin::named("ok");
    let hostile = load("hostile_module", &modules::rust("mod-hostile")) + "HostileMode locate-panic\n";
    let server = Server::conf(&format!("{}{hostile}ProxyPass / {}/\n", geo(), origin.url()));
    assert_eq!([server.get("/").status, server.get("/").status], [500, 500]);
    let log = server.stop().1;
    let told: Vec<&str> = log.lines().filter(|line| line.contains("hostile locate")).collect();
    assert_eq!(told.len(), 2, "{log}");
    for part in [
        "hostile_module answered PANICKED to com.example.geo.locate: panicked at ",
        "mod-hostile/src/lib.rs:",
    ] {
        assert!(told[0].contains(part), "{part} is not in {}", told[0]);
    }
    let refused = log.lines().find(|line| line.contains("[geo_module:error]")).unwrap_or_default();
    for part in [
        "hostile_module answered PANICKED to com.example.geo.locate",
        "hook=proxy.access_checker status=ERROR",
    ] {
        assert!(refused.contains(part), "{part} is not in {log}");
    }
}
