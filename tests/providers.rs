//! Functions that modules provide by name and others look up: `com.example.geo.country` in all combinations of its
//! modules, in Rust and in C.

use crate::support::config::{Syntax, load_line as load};
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::server::{Server, Setup};

/// Provides `table` in Rust.
fn table(country: &str) -> String {
    load("geo_table_module", &modules::rust("mod-geo-table")) + &format!("GeoTable 127.0.0.0/8 {country}\n")
}

/// Provides or uses a country, in C.
fn in_c(ident: &str, flags: &[&str]) -> String {
    let ident_flag = format!("-DIDENT={ident}");
    let flags: Vec<&str> = std::iter::once(&*ident_flag).chain(flags.iter().copied()).collect();
    load(ident, &modules::c("tests/modules/c_country.c", &flags))
}

fn source(flags: &[&str]) -> String {
    in_c("c_source_module", flags)
}

/// Refuses clients from DE by the provider of that name, in C.
fn user(name: &str) -> String {
    in_c("c_user_module", &[&format!("-DUSE={name}")])
}

/// The status of a request to a server with these modules.
fn status(lines: &str) -> u16 {
    let origin = Origin::named("ok");
    Server::conf(&format!("{lines}ProxyPass / {}/\n", origin.url())).get("/").status
}

/// Refuses clients from DE by the provider of that name, in Rust.
fn geo(source: &str) -> String {
    load("geo_module", &modules::rust("mod-geo")) + &format!("GeoDeny DE\nGeoSource {source}\n")
}

#[test]
fn a_provider_is_used_whoever_is_loaded_first_and_done_without() {
    let chart = || source(&["-DPROVIDE=chart"]);
    for (lines, expected) in [
        (geo("table"), 200),
        (table("DE"), 200),
        (geo("table") + &table("DE"), 403),
        (table("DE") + &geo("table"), 403),
        (table("FR") + &geo("table"), 200),
        (table("DE") + &geo("chart"), 200),
        (table("FR") + &chart() + &geo("chart"), 403),
        (table("FR") + &chart() + &geo("table"), 200),
        (user("table"), 200),
        (user("table") + &table("DE"), 403),
        (table("DE") + &user("table"), 403),
        (user("table") + &table("FR"), 200),
    ] {
        assert_eq!(status(&lines), expected, "{lines}");
    }
}

#[test]
fn another_signature_is_as_good_as_none_and_the_log_names_both_sides() {
    for lines in [
        source(&["-DPROVIDE=chart", "-DSIG=7"]) + &user("chart"),
        user("chart") + &source(&["-DPROVIDE=chart", "-DSIG=7"]),
    ] {
        let origin = Origin::named("ok");
        let mut server = Server::conf(&format!("{lines}ProxyPass / {}/\n", origin.url()));
        server.wait_for_log(
            "c_user_module looks up com.example.geo.country 'chart' with signature 9900a138b77bc582, \
             c_source_module provides it with 0000000000000007: it gets none",
        );
        assert_eq!(server.get("/").status, 200);
    }
}

/// What `-t` prints for these modules, in one piece.
fn checked(lines: &str, args: &[&str]) -> String {
    let run = Setup::new(Syntax::Conf, lines).check(args);
    format!("{}{}", run.stdout, run.stderr)
}

#[test]
fn two_providers_of_one_name_are_refused_by_name() {
    let both = table("DE") + &source(&["-DPROVIDE=table"]);
    let text = checked(&both, &["-t"]);
    let expected = "com.example.geo.country 'table' is provided by geo_table_module and by c_source_module: only \
                    one may provide it";
    assert!(text.contains(expected), "{text}");
    assert_eq!(status(&(table("DE") + &source(&["-DPROVIDE=chart"]))), 200, "two names are two functions");
}

#[test]
fn a_ring_is_refused_by_name_and_ones_own_provider_is_none() {
    let one = in_c("c_one_module", &["-DPROVIDE=one", "-DUSE=two"]);
    let two = in_c("c_two_module", &["-DPROVIDE=two", "-DUSE=one"]);
    let text = checked(&(one + &two), &["-t"]);
    assert!(
        text.contains("c_two_module -> c_one_module -> c_two_module each use a provider of the next"),
        "{text}"
    );
    assert_eq!(status(&in_c("c_one_module", &["-DPROVIDE=one", "-DUSE=one"])), 403);
}

#[test]
fn a_user_ends_before_its_provider() {
    let (source, user) = (source(&["-DPROVIDE=chart"]), user("chart"));
    for lines in [format!("{source}{user}"), format!("{user}{source}")] {
        let origin = Origin::named("ok");
        let server = Server::conf(&format!("{lines}LogLevel info\nProxyPass / {}/\n", origin.url()));
        assert_eq!(server.get("/").status, 403, "{lines}");
        let (_, log) = server.stop();
        let ends =
            |ident: &str| log.find(&format!("{ident} ends")).unwrap_or_else(|| panic!("{ident} in {log}"));
        assert!(ends("c_user_module") < ends("c_source_module"), "{log}");
    }
}

#[test]
fn a_fault_of_a_provider_is_blamed_on_it() {
    let origin = Origin::named("ok");
    let lines = source(&["-DPROVIDE=chart", "-DANSWER=PM_PANICKED"]) + &user("chart");
    let mut server = Server::conf(&format!("{lines}ProxyPass / {}/\n", origin.url()));
    assert_eq!(server.get("/").status, 500);
    server.wait_for_log(
        "c_source_module answered PANICKED as com.example.geo.country 'chart': the atlas is torn",
    );
    assert!(server.is_running());
}

#[test]
fn the_dump_says_who_provides_and_who_uses() {
    let lines = table("DE") + &user("table") + &in_c("c_other_module", &["-DUSE=chart"]);
    let dump = checked(&lines, &["-t", "-D", "DUMP_HOOKS"]);
    let (_, providers) = dump.split_once("Providers:\n").unwrap_or_else(|| panic!("{dump}"));
    let expected = " com.example.geo.country table (9900a138b77bc582)\n   \
                    provided by geo_table_module (shared): says in which country a client is, of one source\n   \
                    used by c_user_module\n \
                    com.example.geo.country chart\n   \
                    provided by nobody: who looks it up does without\n   \
                    looked up by c_other_module (9900a138b77bc582)\n";
    assert!(providers.starts_with(expected), "{providers}");
    let other = source(&["-DPROVIDE=chart", "-DSIG=7"]) + &user("chart");
    let dump = checked(&other, &["-t", "-D", "DUMP_HOOKS"]);
    assert!(
        dump.contains("not used by c_user_module, which means another signature (9900a138b77bc582)"),
        "{dump}"
    );
    assert!(!checked("", &["-t", "-D", "DUMP_HOOKS"]).contains("Providers"));
}

#[test]
fn graph_tells_programs_who_uses_whom() {
    let setup = Setup::new(Syntax::Conf, &(table("DE") + &user("table")));
    let config = setup.config().display().to_string();
    let run = crate::support::process::run(["module", "graph", "--json", "-f", &config]);
    for part in [
        r#""group":"com.example.geo.country""#,
        r#""name":"table""#,
        r#""by":"geo_table_module""#,
        r#""used_by":["c_user_module"]"#,
    ] {
        assert!(run.stdout.contains(part), "{part} is not in {run:?}");
    }
}

#[test]
fn what_cannot_name_a_provider_is_refused() {
    let text = checked(&source(&["-DPROVIDE=a b"]), &["-t"]);
    assert!(text.contains("'a b' cannot name a provider of com.example.geo.country: use letters"), "{text}");
}
