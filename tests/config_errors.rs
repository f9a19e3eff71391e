//! Configurations that are refused: the exact first line of each, from the real `-t`.

use crate::support::config::{Syntax, is_static};
use crate::support::server::Setup;

/// A configuration and the first line of what `-t` says about it, from `line N` on, or all of it. `ROOT` is the
/// directory of the test.
struct Case {
    text: &'static str,
    expected: &'static str,
}

const fn case(text: &'static str, expected: &'static str) -> Case {
    Case { text, expected }
}

fn check_all(syntax: Syntax, cases: &[Case]) {
    let mut failures = Vec::new();
    for Case { text, expected } in cases {
        let setup = Setup::verbatim(syntax, text);
        let run = setup.check(&["-t"]);
        let first = run.stderr.lines().next().unwrap_or_default();
        let root = setup.root().display().to_string();
        let said = first.replace(&root, "ROOT").replace(&format!("ROOT/{}", syntax.file_name()), "FILE");
        let said = said.strip_prefix("proxyd: ").unwrap_or(&said);
        if run.code != Some(1) || said != *expected {
            failures.push(format!(
                "{text:?}\n  exit code {:?}\n  said:     {said}\n  expected: {expected}",
                run.code
            ));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

const CONF: &[Case] = &[
    // Lexing and sections
    case("Listen", ""),
    case("Listen 80 90", ""),
    case("Listen 80 # comment", ""),
    case("ServerName \"unfinished", ""),
    case("<VirtualHost *:80>", ""),
    case("</VirtualHost>", ""),
    case("<VirtualHost *:80>\n</Location>", ""),
    case("<VirtualHost *:80", ""),
    case("<Location>\n</Location>", ""),
    case("ProxyPass /a ${NOWHERE}", ""),
    case("Include nothing-here.conf", ""),
    case("Include nothing-*.conf", ""),
    case("Error \"this is my own\"", ""),
    case("Define", ""),
    case("UnDefine a b", ""),
    // Names
    case("Lisen 80", ""),
    case("NoSuchDirectiveAtAll 80", ""),
    case("LBServerCluster cluster1 http://127.0.0.1:1", ""),
    case("<Directory />\n</Directory>", ""),
    // Places
    case("<VirtualHost *:80>\nListen 81\n</VirtualHost>", ""),
    case("<Location /a>\nServerName a\n</Location>", ""),
    case("BalancerMember http://127.0.0.1:1", ""),
    case("<Location /a>\nLoadModule x_module x.so\n</Location>", ""),
    case("ServerAlias a", ""),
    // Values
    case("Listen nowhere:80", ""),
    case("Listen 99999", ""),
    case("Listen 127.0.0.1:81\nListen 127.0.0.1:81", ""),
    case("Listen *:81\nListen 127.0.0.1:81", ""),
    case("Executors 0", ""),
    case("Executors many", ""),
    case("Executors 2000", ""),
    case("MaxTries 0", ""),
    case("ProxyTimeout never", ""),
    case("ProxyTimeout 0", ""),
    case("ProxyConnectTimeout 5parsecs", ""),
    case("GracefulShutdownTimeout 0", ""),
    case("ProxyPreserveHost Perhaps", ""),
    case("ProxyVia Sometimes", ""),
    case("ProxyRequests On", ""),
    case("ServerName a/b", ""),
    case("<VirtualHost nowhere>\n</VirtualHost>", ""),
    case("<Location a>\n</Location>", ""),
    case("LogLevel loud", ""),
    case("CustomLog access.log \"%Q\"", ""),
    case("CustomLog access.log nosuchformat", ""),
    case("ErrorLog \"|/bin/sh\"", ""),
    case("PidFile \"\"", ""),
    // Routes and clusters
    case("ProxyPass /a", ""),
    case("ProxyPass a http://127.0.0.1:1", ""),
    case("ProxyPass /a ftp://127.0.0.1:1", ""),
    case("ProxyPass /a https://127.0.0.1:1", ""),
    case("ProxyPass /a http://", ""),
    case("ProxyPass /a http://127.0.0.1:port/", ""),
    case("ProxyPass /a cluster1", ""),
    case("ProxyPass /a http://127.0.0.1:1 timeout=5", ""),
    case("ProxyPass /a/../b http://127.0.0.1:1", ""),
    case("ProxyPass /a balancer://nowhere", ""),
    case("<Proxy http://a/>\n</Proxy>", ""),
    case("<Proxy balancer://c>\n</Proxy>", ""),
    case("<Proxy balancer://c>\nBalancerMember http://127.0.0.1:1 route=a\n</Proxy>", ""),
    case("<Proxy balancer://c>\nBalancerMember 127.0.0.1:1\n</Proxy>", ""),
    case("<Location /a>\nProxyPass http://127.0.0.1:1\nProxyPass http://127.0.0.1:2\n</Location>", ""),
    case("<Location /a>\nProxyPass /b http://127.0.0.1:1\n</Location>", ""),
    case("ProxyPassReverse / ftp://a", ""),
    case("LBMethod cluster1 no_module", ""),
    case("ServerRoot /no/such/directory", ""),
];

const BALANCER: &[Case] = &[
    case("{lb}\nLBServerCluster", ""),
    case("{lb}\nLBServerCluster cluster1", ""),
    case("{lb}\nLBServerCluster cluster1 https://127.0.0.1:1", ""),
    case("{lb}\nLBServerCluster cluster1 127.0.0.1:1", ""),
    case("{lb}\nLBServerCluster \"a b\" http://127.0.0.1:1", ""),
    case("{lb}\nLBProxyPass /a", ""),
    case("{lb}\nLBProxyPass /a cluster1", ""),
    case("{lb}\nLBServerCluster cluster1 http://127.0.0.1:1\nLBProxyPass /a cluster2", ""),
    case("{lb}\nLBProxyPass /a http://127.0.0.1:1", ""),
    case("{lb}\nLBServerCluster cluster1 http://127.0.0.1:1\nLBMethod cluster2 proxy_lb_module", ""),
    case("{lb}\nLBMethod c proxy_lb_modul", ""),
    case("{lb}\n<Location /a>\nLBServerCluster cluster1 http://127.0.0.1:1\n</Location>", ""),
    case(
        "{lb}\nLBServerCluster c http://127.0.0.1:1\n<Proxy balancer://c>\nBalancerMember http://127.0.0.1:2\n</Proxy>",
        "",
    ),
];

const TOML: &[Case] = &[
    case("Listen = ", ""),
    case("Lisen = 80", ""),
    case("Listen = 80\nListen = 81", ""),
    case("Listen = [80, 81]", ""),
    case("Executors = \"none\"", ""),
    case("ProxyPass = [\"/a\", \"b\"]", ""),
    case("[VirtualHost.\"*:80\"]\nListen = 81", ""),
    case("VirtualHost = 5", ""),
    case("[Listen]\na = 1", ""),
    case("Executors = 1.5", ""),
    case("ProxyPreserveHost = \"Perhaps\"", ""),
    case("ProxyTimeout = 1979-05-27", ""),
    case("ProxyPass = \"/a ${NOWHERE}\"", ""),
    case("[[Lines]]\nExecutors = 0", ""),
];

#[test]
fn in_httpd_syntax() {
    check_all(Syntax::Conf, CONF);
}

#[test]
fn of_the_round_robins_directives() {
    check_all(Syntax::Conf, BALANCER);
}

#[test]
fn in_toml() {
    check_all(Syntax::Toml, TOML);
}

#[test]
fn there_are_enough_of_them() {
    assert!(CONF.len() + BALANCER.len() + TOML.len() >= 60);
}

#[test]
fn all_errors_of_a_file_are_told_with_their_places() {
    let setup =
        Setup::verbatim(Syntax::Conf, "Listen x\n\nExecutors 0\n<Location a>\nMaxTries -1\n</Location>\n");
    let run = setup.check(&["-t"]);
    let lines: Vec<&str> =
        run.stderr.lines().filter(|line| line.starts_with("proxyd: Syntax error on line ")).collect();
    let numbers: Vec<&str> = lines.iter().filter_map(|line| line.split_ascii_whitespace().nth(5)).collect();
    assert_eq!(numbers, ["1", "3", "4", "5"], "{}", run.stderr);
}

#[test]
fn an_error_shows_line_column_source_and_a_suggestion() {
    let setup = Setup::verbatim(Syntax::Conf, "Listen 81\n   ProxyPas /a http://127.0.0.1:1\n");
    let run = setup.check(&["-t"]);
    for part in [&format!("{}:2:4", setup.config().display()), "   ProxyPas /a", "^^^^^^^^", "`ProxyPass`"] {
        assert!(run.stderr.contains(part), "`{part}` is not in\n{}", run.stderr);
    }
}

#[test]
fn an_error_in_an_included_file_names_both_files() {
    let setup = Setup::verbatim(Syntax::Conf, "Include sub/*.conf\n");
    let file = setup.file("sub/one.conf", "\nNoSuchDirective\n");
    let run = setup.check(&["-t"]);
    assert_eq!(run.code, Some(1));
    let first = format!("proxyd: Syntax error on line 2 of {}: ", file.display());
    assert!(run.stderr.starts_with(&first), "{}", run.stderr);
    assert!(run.stderr.contains(&format!("included from {}:1", setup.config().display())), "{}", run.stderr);
}

#[test]
fn after_a_failed_loadmodule_unknown_directives_are_counted_not_listed() {
    if is_static() {
        return;
    }
    let setup = Setup::verbatim(
        Syntax::Conf,
        "LoadModule proxy_lb_module nowhere.so\nLBServerCluster a http://127.0.0.1:1\nLBServerCluster a http://127.0.0.1:2\n\
         LBProxyPass / a\nExecutors 0\n",
    );
    let run = setup.check(&["-t"]);
    let errors = run.stderr.lines().filter(|line| line.starts_with("proxyd: ")).count();
    assert!(!run.stderr.contains("LBServerCluster"), "{}", run.stderr);
    assert!(
        run.stderr.contains("nowhere.so") && run.stderr.contains("`0` is not a whole number"),
        "{}",
        run.stderr
    );
    assert!(errors <= 3 && run.stderr.contains('3'), "{}", run.stderr);
}

#[test]
fn a_server_that_does_not_start_says_what_t_says() {
    let setup = Setup::verbatim(Syntax::Conf, "Executors 0\n");
    let (checked, started) = (setup.check(&["-t"]), setup.check(&[]));
    assert_eq!((checked.code, started.code), (Some(1), Some(1)));
    assert_eq!(checked.stderr, started.stderr);
}

#[test]
fn nothing_that_a_file_holds_makes_it_panic() {
    let inputs: [&[u8]; 9] =
        [b"", b"\0", b"\xff\xfe\0\0", b"<", b"</>", b"<<>>", b"\\\n\\\n\\", b"${", b"Include proxyd.conf"];
    for input in inputs {
        for syntax in [Syntax::Conf, Syntax::Toml] {
            let setup = Setup::verbatim(syntax, "");
            std::fs::write(setup.config(), input).unwrap();
            let run = setup.check(&["-t"]);
            assert!(matches!(run.code, Some(0 | 1)), "{input:?}: {run:?}");
            assert!(!run.stderr.contains("panicked"), "{input:?}: {run:?}");
        }
    }
}
