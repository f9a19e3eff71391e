//! What modules get wrong under load costs no request: wrong balancers, and a panic in each function that the server
//! calls. The figures are printed; `--nocapture` shows them.

mod quarantine;
mod stuck;

use crate::module_tools::wrong;
use crate::support::admin;
use crate::support::config::{is_static, load_line};
use crate::support::load::{Statuses, load};
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::ports::Refused;
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::until_true;

/// Loaded files are the same in both runs of the suite: the figure is taken where the round robin is a file as well.
fn many(requests: usize) -> usize {
    if is_static() { requests / 10 } else { requests }
}

/// What becomes of requests with one in 20 more broken off, while two of five endpoints are dead.
fn under(name: &str) -> (Statuses, usize) {
    let (dead, origins) = ([Refused::new(), Refused::new()], [(); 3].map(|()| Origin::quick()));
    // The dead ones are the last and, behind the last, the first: lists are walked past the end and to a third place.
    let urls = [dead[0].url(), origins[0].url(), origins[1].url(), origins[2].url(), dead[1].url()];
    let members: String = urls.iter().map(|url| format!("BalancerMember {url}\n")).collect();
    let mut server = Server::conf(&format!(
        "{}LogLevel error\n<Proxy balancer://c>\n{members}</Proxy>\nLBMethod c wrong_module\nLBHashKey c uri\n\
         ProxyPass / balancer://c\n",
        load_line("wrong_module", &wrong(name))
    ));
    let statuses = load(server.addr(), many(10_000), 20);
    assert!(server.is_running(), "{name}");
    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{name}: {log}");
    (statuses, log.matches("the built-in round robin answers instead").count())
}

/// What is wrong with them is at work here, but for three: `neighbour` takes an endpoint that is known to be down, `crash`
/// a request without a key, and `spin` is not asked again once all were tried.
macro_rules! wrong_balancers {
    ($($name:ident)+) => {$(
        #[test]
        fn $name() {
            let (statuses, faults) = under(stringify!($name));
            figure(format_args!("wrong balancer {}: {statuses}, {faults} faults contained", stringify!($name)));
            assert_eq!((statuses.all(), statuses.failed()), (many(10_000), 0), "{statuses}");
            // An index that is none is the only thing that the server calls a fault.
            assert_eq!(faults > 0, stringify!($name) == "garbage", "{faults} faults");
        }
    )+};
}

mod wrong_balancer {
    use super::*;

    wrong_balancers!(replacement modulo neighbour leak runs spin garbage repeat crash);
}

/// No module here does wrong so often that it is shut out.
const RAISED: &str = "ModuleOnPanic quarantine 1000000/60s\n";

/// A server whose cluster `c` has these endpoints, balanced by the hostile module.
fn hostile(lines: &str, urls: &[String]) -> Server {
    Server::conf(&format!(
        "{}AdminSocket admin.sock\nLogLevel error\nHostileCluster c {}\nHostileProxyPass / c\n{lines}",
        load_line("hostile_module", &modules::rust("mod-hostile")),
        urls.join(" ")
    ))
}

/// The panics that were counted at a module's gate.
fn panics_of(server: &Server, ident: &str) -> usize {
    admin::module(server, ident)["faults"]["panic"].as_u64().unwrap() as usize
}

/// Each function of a balancer that the server calls, in every request and in every other.
#[test]
fn a_panic_in_any_function_of_a_balancer_costs_no_request() {
    let (dead, origins) = (Refused::new(), [Origin::quick(), Origin::quick()]);
    let urls = [origins[0].url(), dead.url(), origins[1].url()];
    let requests = many(2000);
    for mode in [
        "begin-panic",
        "next-panic",
        "payload-panic",
        "failed-panic",
        "done-panic",
        "head-panic",
        "drop-panic",
        "state-panic",
        "state-drop-panic",
        "fini-panic",
    ] {
        for every in [1, 2] {
            let mut server = hostile(&format!("{RAISED}HostileMode {mode}\nHostileEvery {every}\n"), &urls);
            let statuses = load(server.addr(), requests, 20);
            assert!(server.is_running(), "{mode}");
            let counted = panics_of(&server, "hostile_module");
            let (status, log) = server.stop();
            // Where a function cannot answer that it panicked, its module's own line is all there is.
            let told = log.lines().filter(|line| line.contains("panicked")).count();
            let panics = counted.max(told);
            figure(format_args!("{mode}, one in {every}: {statuses}, {panics} panics told"));
            assert_eq!((statuses.all(), statuses.failed()), (requests, 0), "{mode}: {statuses}\n{log}");
            assert_eq!(status.code(), Some(0), "{mode}: {log}");
            let least = match mode {
                // Once for each endpoint, and once for the instance; that of the slot's own state is a part of it.
                "state-panic" => 3,
                "state-drop-panic" => 4,
                "fini-panic" => 1,
                // At the dead one of three alone.
                "failed-panic" => requests / every / 6,
                _ => requests / every / 2,
            };
            assert!(panics >= least, "{mode}: {panics} panics were told, {least} are due");
        }
    }
}

/// A VOID hook has no say, so its panic has none either. In an ALL hook, which may refuse, a panic refuses that request
/// by 500: letting it pass unchecked would be worse.
#[test]
fn a_panic_in_a_request_hook_costs_no_request_where_the_hook_has_no_say() {
    let requests = many(2000);
    for (hook, due) in [
        ("response_head", 200),
        ("log_transaction", 200),
        ("post_read_request", 500),
        ("access_checker", 500),
        ("fixups", 500),
    ] {
        let origin = Origin::quick();
        let mut server = Server::conf(&format!(
            "{}{RAISED}AdminSocket admin.sock\nLogLevel error\nHooksPanicOn {hook}\nProxyPass / {}/\n",
            load_line("hooks_module", &modules::rust("mod-hooks")),
            origin.url()
        ));
        let statuses = load(server.addr(), requests, 0);
        // The last one is after its answer.
        until_true("all panics", || panics_of(&server, "hooks_module") == requests);
        assert!(server.log_lines(&format!("hooked {hook}")).len() >= 5, "the first few are told each");
        figure(format_args!("a panic in each proxy.{hook}: {statuses}"));
        assert_eq!(statuses.of(due), requests, "{hook}: {statuses}");
        assert!(server.is_running(), "{hook}");
    }
}

/// The hook of one module, implemented by another that panics, run by a third: by a balancer that can do without an
/// answer, and by an access check that cannot.
#[test]
fn a_panic_behind_a_hook_that_modules_run_is_blamed_on_its_module() {
    let requests = many(2000);
    let (origins, geo) =
        ([Origin::quick(), Origin::quick()], load_line("geo_module", &modules::rust("mod-geo")));
    let panicking = load_line("hostile_module", &modules::rust("mod-hostile")) + "HostileMode locate-panic\n";
    let [a, b] = origins.each_ref().map(Origin::url);
    let by_balancer = load_line("lb_geo_module", &modules::rust("mod-lb-geo"))
        + &format!("GeoCluster c {a} {b}\nGeoPrefer DE {b}\nGeoProxyPass /balanced c\n");
    // Without GeoDeny the access check has nothing to ask.
    for (lines, due) in [(by_balancer.clone(), 200), (by_balancer + "GeoDeny DE\n", 500)] {
        let mut server = Server::conf(&format!(
            "{geo}{panicking}{lines}{RAISED}AdminSocket admin.sock\nLogLevel error\nGeoProxyPass / c\n"
        ));
        let statuses = load(server.addr(), requests, 0);
        let told = "hostile_module answered PANICKED to com.example.geo.locate: panicked at ";
        until_true("all panics", || panics_of(&server, "hostile_module") == requests);
        figure(format_args!("a panic in each com.example.geo.locate, {due} due: {statuses}"));
        assert_eq!(statuses.of(due), requests, "{statuses}");
        assert!(server.log_lines(told)[0].contains("hostile locate"));
        assert!(server.is_running());
    }
}

/// Nothing is put in force of a module that panics before it serves.
#[test]
fn a_panic_before_the_first_request_refuses_the_configuration_and_names_the_module() {
    for (lines, words) in
        [("HostileMode init-panic\n", "hostile init"), ("HostileWord any\n", "hostile word")]
    {
        let text = format!(
            "{}{lines}HostileCluster c http://127.0.0.1:9\nHostileProxyPass / c\n",
            load_line("hostile_module", &modules::rust("mod-hostile"))
        );
        let run =
            crate::support::server::Setup::new(crate::support::config::Syntax::Conf, &text).check(&["-t"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(
            run.stderr.contains("hostile_module: panicked in init: panicked at ")
                && run.stderr.contains(words),
            "{run:?}"
        );
    }
}
