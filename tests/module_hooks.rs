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
