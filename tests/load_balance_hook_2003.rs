//! The post of 2003, sentence by sentence: each row of the table that says what became of it is a test here.

use std::fs;

use crate::support::config::{Balanced, Syntax, is_static, lb_line};
use crate::support::modules;
use crate::support::origin::{Origin, Then, total};
use crate::support::ports::{Refused, UNRESOLVABLE};
use crate::support::server::{Server, Setup};

/// Named `0`, `1`, …, as answers and expectations are.
fn numbered(count: usize) -> Vec<Origin> {
    (0..count).map(|number| Origin::named(&number.to_string())).collect()
}

fn urls(origins: &[Origin]) -> Vec<String> {
    origins.iter().map(Origin::url).collect()
}

/// Who answered, for so many requests one after the other, each on a connection of its own.
fn who_answers(server: &Server, target: &str, count: usize) -> String {
    (0..count).map(|_| server.get(target).text()).collect()
}

/// The configuration of the post as it stands, down to its comment-free lines. Only `downstreamserverN:port`, which
/// the post calls "the name of a backend system", is filled in.
fn seed(syntax: Syntax, origins: &[Origin]) -> String {
    let [one, two] = [origins[0].url(), origins[1].url()];
    let load = if is_static() { "" } else { SEED_LOAD_MODULE[usize::from(syntax == Syntax::Toml)] };
    match syntax {
        Syntax::Conf => format!(
            "{load}
<IfModule mod_proxy_lb.c>
LBServerCluster cluster1 {one}
LBServerCluster cluster1 {two}
LBProxyPass /file500.html cluster1
LBProxyPass /snoop cluster1
</IfModule>
"
        ),
        Syntax::Toml => format!(
            r#"{load}
[IfModule."mod_proxy_lb.c"]
LBServerCluster = [["cluster1", "{one}"], ["cluster1", "{two}"]]
LBProxyPass = [["/file500.html", "cluster1"], ["/snoop", "cluster1"]]
"#
        ),
    }
}

const SEED_LOAD_MODULE: [&str; 2] = [
    "LoadModule proxy_lb_module modules/mod_proxy_lb.so",
    "LoadModule = \"proxy_lb_module modules/mod_proxy_lb.so\"",
];

in_both_syntaxes! {
    fn the_configuration_of_the_post_works_verbatim(syntax) {
        let origins = numbered(2);
        let setup = Setup::new(syntax, &seed(syntax, &origins));
        if !is_static() {
            setup.module(&modules::proxy_lb(), "modules/mod_proxy_lb.so");
        }
        let server = setup.start();
        assert_eq!(who_answers(&server, "/snoop", 4), "0101");
        assert_eq!(who_answers(&server, "/file500.html", 4), "0101");
        assert_eq!(server.get("/other").status, 404);
    }

    fn the_hook_is_optional_and_a_route_to_an_url_needs_no_module(syntax) {
        let origin = Origin::named("origin");
        let url = origin.url();
        let server = Setup::new(syntax, &match syntax {
            Syntax::Conf => format!("ProxyPass / {url}/\n"),
            Syntax::Toml => format!("ProxyPass = \"/ {url}/\"\n"),
        }).args(&["-e", "debug"]).start();
        assert_eq!(server.get("/any").text(), "origin");
        assert_eq!(origin.only_request().target(), "/any");
    }

    fn a_symbol_that_nobody_answers_for_is_refused_by_t(syntax) {
        let setup = Setup::new(syntax, match syntax {
            Syntax::Conf => "<Proxy balancer://c>\nBalancerMember http://127.0.0.1:9\n</Proxy>\nProxyPass /a balancer://c/\n",
            Syntax::Toml => "ProxyPass = \"/a balancer://c/\"\n[Proxy.\"balancer://c\"]\nBalancerMember = \"http://127.0.0.1:9\"\n",
        });
        let run = setup.check(&["-t"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains("nobody balances cluster 'c'"), "{run:?}");
    }

    fn request_n_starts_at_server_n_modulo_the_number_of_servers(syntax) {
        let origins = numbered(3);
        let server = Server::balanced(syntax, &Balanced::snoop(urls(&origins)));
        assert_eq!(who_answers(&server, "/snoop", 10), "0120120120");
    }

    fn the_order_is_strict_across_eight_executors(syntax) {
        let origins = numbered(5);
        let config = Balanced::snoop(urls(&origins)).set("Executors", "8");
        let server = Server::balanced(syntax, &config);
        let expected: String = (0..200).map(|request| (request % 5).to_string()).collect();
        assert_eq!(who_answers(&server, "/snoop", 200), expected);
    }

    fn a_walk_goes_on_in_order_and_around_the_end(syntax) {
        let (refused, origins) = (Refused::new(), numbered(2));
        let config = Balanced::snoop([refused.url(), origins[0].url(), origins[1].url()]);
        let server = Server::balanced(syntax, &config);
        // Requests 0, 3 and 6 start at the dead server and walk on to the next; the others start where they should.
        assert_eq!(who_answers(&server, "/snoop", 9), "001001001");
    }

    fn each_cluster_has_a_counter_of_its_own(syntax) {
        let origins = numbered(4);
        let urls = urls(&origins);
        let config = Balanced::default()
            .endpoint("one", &urls[0]).endpoint("two", &urls[2])
            .endpoint("one", &urls[1]).endpoint("two", &urls[3])
            .route("/one", "one").route("/two", "two");
        let server = Server::balanced(syntax, &config);
        assert_eq!(who_answers(&server, "/one", 3), "010");
        assert_eq!(who_answers(&server, "/two", 3), "232");
        assert_eq!(who_answers(&server, "/one", 2), "10");
    }

    fn the_routes_of_one_cluster_share_its_counter(syntax) {
        let origins = numbered(3);
        let config = Balanced::snoop(urls(&origins)).route("/file500.html", "cluster1");
        let server = Server::balanced(syntax, &config);
        let answers = ["/snoop", "/file500.html", "/snoop", "/file500.html"].map(|target| server.get(target).text());
        assert_eq!(answers.concat(), "0120");
    }

    fn the_unparsed_uri_goes_on_byte_for_byte(syntax) {
        let origin = Origin::named("0");
        let server = Server::balanced(syntax, &Balanced::snoop([origin.url()]));
        let targets = ["/snoop/a%2Fb?x=%41&&y=//", "/snoop", "/snoop//x//", "/%73noop/%7euser", "/snoop?", "/snoop/;v=1/%C3%A4"];
        for target in targets {
            assert_eq!(server.get(target).status, 200, "{target}");
        }
        let seen: Vec<String> = origin.requests().iter().map(|seen| seen.target().to_owned()).collect();
        assert_eq!(seen, targets);
    }

    fn a_path_matches_at_segment_boundaries_only(syntax) {
        let origin = Origin::named("0");
        let server = Server::balanced(syntax, &Balanced::snoop([origin.url()]));
        let statuses = ["/snoop", "/snoop/", "/snoop/a", "/snoop?q", "/snoopy", "/snoop%2Fa", "/Snoop", "/a/snoop"]
            .map(|target| server.get(target).status);
        assert_eq!(statuses, [200, 200, 200, 200, 404, 404, 404, 404]);
        assert_eq!(origin.count(), 4);
    }

    fn an_exclamation_mark_excludes_and_the_first_match_counts(syntax) {
        let origins = numbered(2);
        let config = Balanced::default()
            .endpoint("one", &origins[0].url()).endpoint("two", &origins[1].url())
            .route("/snoop/private", "!").route("/snoop/two", "two").route("/snoop", "one").route("/snoop/late", "two");
        let server = Server::balanced(syntax, &config);
        assert_eq!(server.get("/snoop/private").status, 404);
        assert_eq!(server.get("/snoop/private/x").status, 404);
        assert_eq!(server.get("/snoop/two/x").text(), "1");
        assert_eq!(server.get("/snoop/late").text(), "0", "an earlier line matches it as well");
        assert_eq!(total(&[&origins[0], &origins[1]]), 2);
    }

    fn a_path_after_the_symbol_replaces_the_prefix(syntax) {
        let origin = Origin::named("0");
        let config = Balanced::default().endpoint("c", &origin.url())
            .route("/app/", "c/inner/").route("/plain", "c/other").route("/root/", "c/");
        let server = Server::balanced(syntax, &config);
        for target in ["/app/x%2Fy?q=/app/", "/plain", "/plain/x", "/root/x"] {
            assert_eq!(server.get(target).status, 200, "{target}");
        }
        let seen: Vec<String> = origin.requests().iter().map(|seen| seen.target().to_owned()).collect();
        assert_eq!(seen, ["/inner/x%2Fy?q=/app/", "/other", "/other/x", "/x"]);
    }

    fn a_refusing_server_reroutes(syntax) {
        let (refused, origin) = (Refused::new(), Origin::named("1"));
        let server = Server::balanced(syntax, &Balanced::snoop([refused.url(), origin.url()]));
        assert_eq!(who_answers(&server, "/snoop", 4), "1111");
        assert_eq!(origin.count(), 4);
    }

    fn a_name_that_cannot_be_looked_up_reroutes(syntax) {
        let origin = Origin::named("1");
        let server = Server::balanced(syntax, &Balanced::snoop([UNRESOLVABLE.to_owned(), origin.url()]));
        assert_eq!(who_answers(&server, "/snoop", 4), "1111");
        assert_eq!(origin.count(), 4);
    }

    fn a_missing_resource_does_not_reroute(syntax) {
        let missing = Origin::saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", Then::Keep);
        let other = Origin::named("1");
        let server = Server::balanced(syntax, &Balanced::snoop([missing.url(), other.url()]));
        let first = server.get("/snoop");
        assert_eq!((first.status, first.text().as_str()), (404, "none"));
        assert_eq!((missing.count(), other.count()), (1, 0));
    }

    fn lbmethod_hands_a_cluster_to_another_balancer_by_one_line(syntax) {
        let origins = numbered(3);
        let module = modules::c("tests/data/last_first.c", &[]).display().to_string();
        let load = [("last_first_module", module.as_str())];
        let lb = if is_static() { Vec::new() } else { vec![("proxy_lb_module", modules::proxy_lb().display().to_string())] };
        let loads: Vec<(&str, &str)> = lb.iter().map(|(ident, file)| (*ident, file.as_str())).chain(load).collect();
        let with = |method: bool| {
            let config = Balanced::snoop(urls(&origins));
            let config = if method { config.set("LBMethod", "cluster1 last_first_module") } else { config };
            Setup::new(syntax, &config.text(syntax).replace("{lb}", &load_modules(syntax, &loads))).start()
        };
        assert_eq!(who_answers(&with(false), "/snoop", 4), "0120");
        assert_eq!(who_answers(&with(true), "/snoop", 4), "2222");
    }
}

fn load_modules(syntax: Syntax, modules: &[(&str, &str)]) -> String {
    match syntax {
        Syntax::Conf => modules.iter().map(|(ident, file)| format!("LoadModule {ident} {file}\n")).collect(),
        Syntax::Toml => {
            let lines: Vec<String> =
                modules.iter().map(|(ident, file)| format!("[\"{ident}\", \"{file}\"]")).collect();
            format!("LoadModule = [{}]", lines.join(", "))
        }
    }
}

#[test]
fn ifmodule_answers_to_three_names_and_to_nothing_that_is_not_loaded() {
    let origin = Origin::named("0");
    let url = origin.url();
    let taken = |condition: &str, loaded: bool| {
        let load = if loaded { "{lb}" } else { "" };
        let text = format!(
            "{load}\nProxyPass /never !\n<IfModule {condition}>\nProxyPass /taken {url}\n</IfModule>\nProxyPass /always {url}\n"
        );
        let server = Server::conf(&text);
        assert_eq!(server.get("/always").status, 200);
        server.get("/taken").status == 200
    };
    for condition in ["mod_proxy_lb.c", "mod_proxy_lb", "proxy_lb_module"] {
        assert!(taken(condition, true), "{condition}");
        assert!(!taken(&format!("!{condition}"), true), "!{condition}");
    }
    if !is_static() {
        assert!(!taken("mod_proxy_lb.c", false));
        assert!(taken("!mod_proxy_lb.c", false));
    }
    assert!(!taken("mod_other.c", true));
}

#[test]
fn a_body_of_ifmodule_that_is_not_taken_may_hold_anything() {
    let setup = Setup::new(Syntax::Conf, "<IfModule mod_other.c>\nNoSuchDirective at all\n</IfModule>\n");
    let run = setup.check(&["-t"]);
    assert_eq!((run.code, run.stderr.trim_end()), (Some(0), "Syntax OK"), "{run:?}");
}

#[test]
fn the_module_is_found_from_server_root_and_nowhere_else() {
    if is_static() {
        return;
    }
    let setup = Setup::new(Syntax::Conf, SEED_LOAD_MODULE[0]);
    // It lies where the dynamic loader would look for a bare name, but not below ServerRoot.
    let elsewhere = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(elsewhere.path().join("modules")).unwrap();
    fs::copy(modules::proxy_lb(), elsewhere.path().join("modules/mod_proxy_lb.so")).unwrap();
    assert_eq!(setup.check(&["-t"]).code, Some(1));
    setup.module(&modules::proxy_lb(), "modules/mod_proxy_lb.so");
    assert_eq!(setup.check(&["-t"]).code, Some(0));
}

#[test]
fn the_dump_of_hooks_shows_who_declares_and_who_implements_it() {
    let config = format!("{}\n", lb_line(Syntax::Conf));
    let run = Setup::new(Syntax::Conf, &config).check(&["-t", "-D", "DUMP_HOOKS"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines: Vec<&str> =
        run.stdout.lines().skip_while(|line| !line.contains("proxy.load_balance")).take(3).collect();
    let shown = lines.join("\n");
    assert!(shown.contains("core") && shown.contains("proxy_lb_module"), "{}", run.stdout);
}
