//! Looking at a live server's calls into modules: the page `/trace` of the admin socket, and the verb that reads it.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::config::{Balanced, Syntax, load_line as load};
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::ports::Refused;
use crate::support::process::{Watched, command, run};
use crate::support::server::{Server, Setup};
use crate::support::traced::{Stream, socket};
use crate::support::wait::until;

fn server(urls: &[String]) -> Server {
    let config = Balanced::snoop(urls).set("AdminSocket", "admin.sock").set("Executors", "1");
    Server::balanced(Syntax::Conf, &config)
}

/// The functions of `proxy.load_balance` that a request called, with the endpoint meant where there is one.
fn walk(request: &Value) -> Vec<(String, String)> {
    let calls = request["calls"].as_array().unwrap().iter();
    let calls = calls.filter(|call| call["hook"] == "proxy.load_balance");
    calls
        .map(|call| {
            let endpoint = [&call["in"]["endpoint"], &call["out"]["endpoint"]];
            let endpoint = endpoint.into_iter().find_map(|value| value.as_str()).unwrap_or_default();
            (call["function"].as_str().unwrap().to_owned(), endpoint.to_owned())
        })
        .collect()
}

/// The verb at work, from the moment on when it sees requests.
fn verb(server: &Server, args: &[&str]) -> Watched {
    let mut command = command(None);
    command.args(["module", "trace", "--live"]).arg(socket(server)).args(args);
    let mut watched = Watched::spawn(command);
    watched.wait_for_line("tracing the requests");
    watched
}

#[test]
fn a_failover_is_shown_call_by_call() {
    let (refused, origin) = (Refused::new(), Origin::named("next"));
    let server = server(&[refused.url(), origin.url()]);
    let (dead, alive) = (refused.addr().to_string(), origin.addr().to_string());
    let mut stream = Stream::json(&server, "");
    assert_eq!(server.get("/snoop?a=b").text(), "next");
    let request = stream.request();
    assert_eq!(
        (&request["method"], &request["target"], &request["status"], &request["executor"]),
        (&"GET".into(), &"/snoop?a=b".into(), &200.into(), &0.into())
    );
    let expected = [
        ("load_balance", ""),
        ("next", &*dead),
        ("report_failure", &dead),
        ("done", &dead),
        ("next", &alive),
        ("response_head", &alive),
        ("done", &alive),
        ("drop", ""),
    ];
    let expected: Vec<_> = expected.map(|(function, addr)| (function.to_owned(), addr.to_owned())).into();
    assert_eq!(walk(&request), expected, "{request:#}");
    let calls = request["calls"].as_array().unwrap();
    let of = |function: &str| calls.iter().rev().find(|call| call["function"] == function).unwrap();
    assert_eq!(of("load_balance")["in"]["load_balancer_module_id"], "proxy_lb_module");
    assert_eq!(of("load_balance")["in"]["endpoints"], 2);
    assert_eq!((&of("next")["in"]["attempt"], &of("next")["status"]), (&1.into(), &"OK".into()));
    assert_eq!(of("report_failure")["in"]["kind"], "refused");
    assert_eq!((&of("done")["in"]["result"], &of("done")["in"]["http_status"]), (&"OK".into(), &200.into()));
    assert!(of("done")["in"]["total_us"].is_u64(), "{request:#}");
    assert_eq!(of("drop")["status"], Value::Null);
    assert!(calls.iter().all(|call| call["ns"].as_u64() > Some(0)), "{request:#}");
}

#[test]
fn the_verb_prints_a_tree_and_ends_after_as_many_as_were_asked_for() {
    let (refused, origin) = (Refused::new(), Origin::named("next"));
    let server = server(&[refused.url(), origin.url()]);
    let mut verb = verb(&server, &["--count", "1"]);
    assert_eq!(server.get("/snoop").text(), "next");
    assert_eq!(verb.wait().code(), Some(0));
    let text = verb.text();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("tracing")).collect();
    assert!(lines[0].starts_with("1  GET test.example /snoop from 127.0.0.1: 200 after "), "{text}");
    let parts = [
        "  proxy.load_balance load_balance, proxy_lb_module: OK in ".to_owned(),
        format!(" ns; attempt=0 -> index=0 endpoint={}", refused.addr()),
        "  proxy.load_balance report_failure, proxy_lb_module: OK in ".to_owned(),
        " result=CONNECT ".to_owned(),
        format!(" ns; attempt=1 -> index=1 endpoint={}", origin.addr()),
        "  proxy.load_balance response_head, ".to_owned(),
        " result=OK ".to_owned(),
        "  proxy.load_balance drop, proxy_lb_module: in ".to_owned(),
    ];
    assert_eq!(lines.len(), 1 + parts.len(), "{text}");
    for (line, part) in lines[1..].iter().zip(&parts) {
        assert!(line.contains(part), "`{part}` is not in `{line}`");
    }
}

#[test]
fn requests_are_chosen_by_hook_and_by_number() {
    let origin = Origin::named("ok");
    let lines = load("allow_module", &modules::rust("mod-allow")) + "AllowFrom 127.0.0.0/8\n";
    let server = Server::conf(&format!(
        "AdminSocket admin.sock\nExecutors 1\n{lines}{}\n{}",
        "ProxyPass /plain {url}/".replace("{url}", &origin.url()),
        Balanced::snoop([origin.url()]).text(Syntax::Conf)
    ));
    let mut balanced = Stream::json(&server, "&hook=proxy.load_balance");
    let mut checked = Stream::json(&server, "&hook=proxy.access_checker");
    let mut third = Stream::json(&server, "&request=3");
    for target in ["/plain", "/snoop", "/snoop/3", "/plain/4"] {
        assert_eq!(server.get(target).status, 200);
    }
    for target in ["/snoop", "/snoop/3"] {
        let request = balanced.request();
        assert_eq!(request["target"], target);
        let hooks = request["calls"].as_array().unwrap().iter().map(|call| &call["hook"]);
        assert!(hooks.clone().all(|hook| hook == "proxy.load_balance") && hooks.count() > 2, "{request:#}");
    }
    for target in ["/plain", "/snoop", "/snoop/3", "/plain/4"] {
        let request = checked.request();
        assert_eq!(request["target"], target);
        assert_eq!(request["calls"].as_array().unwrap().len(), 1, "{request:#}");
        assert_eq!(request["calls"][0]["module"], "allow_module");
        assert_eq!(request["calls"][0]["in"]["authority"], "test.example");
    }
    let request = third.request();
    assert_eq!((&request["request"], &request["target"]), (&"3".into(), &"/snoop/3".into()));
    assert_eq!(server.get("/snoop/5").status, 200);
    drop(server);
    assert_eq!(third.rest(), "", "another request than the one asked for");
}

#[test]
fn what_nobody_knows_is_refused_by_name() {
    let server = server(&[Origin::named("ok").url()]);
    for (target, status, parts) in [
        (
            "/trace?hook=proxy.loadbalance",
            404,
            ["did you mean 'proxy.load_balance'", "Hooks: proxy.access_checker,"],
        ),
        ("/trace?hook=", 404, ["a hook ''", "proxy.load_balance"]),
        ("/trace?count=0", 400, ["count=0", "/trace?hook=NAME"]),
        ("/trace?request=first", 400, ["request=first", "format=text|json"]),
    ] {
        let stream = Stream::open(&server, target);
        assert_eq!(stream.status, status, "{target}");
        let text = stream.rest();
        assert!(parts.iter().all(|part| text.contains(part)), "{target}: {text}");
    }
    let socket = socket(&server).display().to_string();
    let refused = run(["module", "trace", "--live", &socket, "--hook", "proxy.fixup"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("404 Not Found: ") && refused.stderr.contains("did you mean 'proxy.fixups'"),
        "{refused:?}"
    );
    let run = run(["module", "trace", "--live", &format!("{socket}.not")]);
    assert!(run.code == Some(1) && run.stderr.contains("name the socket of its AdminSocket"), "{run:?}");
}

#[test]
fn the_socket_is_found_in_the_configuration() {
    let origin = Origin::named("ok");
    let config = Balanced::snoop([origin.url()]).set("AdminSocket", "admin.sock");
    let setup = Setup::new(Syntax::Conf, &config.text(Syntax::Conf));
    let args = ["-d", &setup.root().display().to_string(), "-f", &setup.config().display().to_string()]
        .map(str::to_owned);
    let server = setup.start();
    let mut command = command(None);
    command.args(["module", "trace"]).args(args).args(["--json", "--count", "2"]);
    let mut verb = Watched::spawn(command);
    verb.wait_for_line("tracing the requests");
    for target in ["/snoop/1", "/snoop/2"] {
        server.get(target);
    }
    assert_eq!(verb.wait().code(), Some(0));
    let text = verb.text();
    let requests: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut targets: Vec<_> = requests.iter().map(|request| request["target"].as_str().unwrap()).collect();
    targets.sort_unstable();
    assert_eq!(targets, ["/snoop/1", "/snoop/2"], "{text}");
    let without = Setup::new(Syntax::Conf, "ProxyPass / http://127.0.0.1:9/\n");
    let (root, file) = (without.root().display().to_string(), without.config().display().to_string());
    let run = run(["module", "trace", "-d", &root, "-f", &file]);
    assert!(run.code == Some(1) && run.stderr.contains("has no AdminSocket"), "{run:?}");
}

#[test]
fn the_verb_says_that_the_server_has_ended() {
    let server = server(&[Origin::named("ok").url()]);
    let mut verb = verb(&server, &[]);
    server.get("/snoop");
    verb.wait_for_line("GET test.example /snoop");
    server.signal(Signal::TERM);
    assert_eq!(verb.wait().code(), Some(3));
    assert!(verb.text().contains("the server has ended"), "{}", verb.text());
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody_and_is_told_what_it_missed() {
    let origin = Origin::named("ok");
    let server = server(&[origin.url()]);
    let mut stream = Stream::json(&server, "");
    let mut client = server.client();
    let target = format!("/snoop/{}", "x".repeat(240));
    const REQUESTS: u64 = 2000;
    for _ in 0..REQUESTS {
        client.send_get(&target);
        assert_eq!(client.response().status, 200);
    }
    let (mut shown, mut missed) = (0, 0);
    while shown + missed < REQUESTS {
        let value = stream.request();
        match value["missed"].as_u64() {
            Some(more) => missed += more,
            None => shown += 1,
        }
    }
    assert!(missed > 0 && shown > 256, "{shown} shown, {missed} missed");
    assert_eq!(shown + missed, REQUESTS);
    server.get("/snoop/again");
    assert_eq!(stream.request()["target"], "/snoop/again", "it sees again once it reads");
}

#[test]
fn four_may_look_on_until_one_goes_away() {
    let server = server(&[Origin::named("ok").url()]);
    let mut streams: Vec<Stream> = (0..4).map(|_| Stream::json(&server, "")).collect();
    let fifth = Stream::open(&server, "/trace");
    assert_eq!(fifth.status, 503);
    assert!(fifth.rest().contains("end one of them"));
    server.get("/snoop");
    for stream in &mut streams {
        assert_eq!(stream.request()["target"], "/snoop");
    }
    drop(streams.pop());
    let mut stream = until("a place for another", || {
        Some(Stream::open(&server, "/trace?format=json")).filter(|stream| stream.status == 200)
    });
    server.get("/snoop/5");
    assert_eq!(stream.request()["target"], "/snoop/5");
}

#[test]
fn what_a_module_does_not_have_is_not_shown_as_called() {
    let origin = Origin::named("ok");
    let server = Server::conf(&format!(
        "AdminSocket admin.sock\n{}<Proxy balancer://c>\nBalancerMember {}\n</Proxy>\nLBMethod c random_module\n\
         ProxyPass / balancer://c/\n",
        load("random_module", &modules::c("modules/examples-c/random.c", &[])),
        origin.url()
    ));
    let mut stream = Stream::json(&server, "");
    assert_eq!(server.get("/").text(), "ok");
    let request = stream.request();
    let functions: Vec<String> = walk(&request).into_iter().map(|(function, _)| function).collect();
    assert_eq!(functions, ["load_balance", "next", "drop"], "{request:#}");
}

fn geo() -> String {
    load("geo_module", &modules::rust("mod-geo"))
        + "GeoDeny xx FR\n"
        + &load("geo_table_module", &modules::rust("mod-geo-table"))
        + "GeoTable 127.0.0.0/8 de\n"
}

#[test]
fn hooks_that_modules_run_are_shown_within_the_calls_that_run_them() {
    let origin = Origin::named("ok");
    let server = Server::conf(&format!(
        "AdminSocket admin.sock\n{}{}GeoCluster c {url}\nGeoPrefer DE {url}\nGeoProxyPass / c\n",
        geo(),
        load("lb_geo_module", &modules::rust("mod-lb-geo")),
        url = origin.url()
    ));
    let mut stream = Stream::json(&server, "&hook=com.example.geo.locate");
    let mut verb = verb(&server, &["--count", "1"]);
    assert_eq!(server.get("/").text(), "ok");
    let request = stream.request();
    let calls = request["calls"].as_array().unwrap();
    let outer: Vec<_> = calls.iter().map(|call| (&call["hook"], &call["module"])).collect();
    assert_eq!(
        outer,
        [
            (&"proxy.access_checker".into(), &"geo_module".into()),
            (&"proxy.load_balance".into(), &"lb_geo_module".into())
        ],
        "{request:#}"
    );
    for call in calls {
        let [inner] = &call["calls"].as_array().unwrap()[..] else { panic!("{request:#}") };
        assert_eq!(
            (&inner["hook"], &inner["module"]),
            (&"com.example.geo.locate".into(), &"geo_table_module".into())
        );
        assert_eq!(inner["in"]["client"], "127.0.0.1");
        assert_eq!((&inner["out"]["first"], &inner["out"]["second"]), (&68.into(), &69.into()));
        assert!(inner["ns"].as_u64() <= call["ns"].as_u64(), "{request:#}");
    }
    assert_eq!(verb.wait().code(), Some(0));
    let text = verb.text();
    let inner = "\n    com.example.geo.locate, geo_table_module: OK in ";
    assert_eq!(text.matches(inner).count(), 2, "{text}");
    assert!(text.contains(" ns; client=127.0.0.1 -> first=68 second=69\n"), "{text}");
}

#[test]
fn edits_and_refusals_are_shown() {
    let origin = Origin::named("ok");
    let lines = load("pick_header_module", &modules::rust("mod-pick-header")) + "PickHeader X-Who\n";
    let config = |more: &str| {
        let balanced = Balanced::snoop([origin.url()]).text(Syntax::Conf);
        Server::conf(&format!("AdminSocket admin.sock\n{lines}{more}{balanced}"))
    };
    let picking = config("");
    let mut stream = Stream::json(&picking, "&hook=proxy.response_head");
    let picked = picking.get("/snoop");
    let request = stream.request();
    let edit = &request["calls"][0]["edits"][0];
    assert_eq!((&edit["op"], &edit["name"]), (&"set".into(), &"X-Who".into()), "{request:#}");
    assert_eq!(edit["value"].as_str(), picked.field("X-Who"));
    let refusing = config(&geo().replace("GeoDeny xx FR", "GeoDeny xx DE"));
    let mut stream = Stream::json(&refusing, "&hook=proxy.access_checker");
    assert_eq!(refusing.get("/snoop").status, 403);
    let request = stream.request();
    assert_eq!(
        (&request["status"], &request["calls"][0]["status"]),
        (&403.into(), &"403".into()),
        "{request:#}"
    );
}
