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
        let run = setup.check(&["-t", "-c", "Listen 127.0.0.1:0"]);
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
    case("Listen", "Syntax error on line 1 of FILE: Listen takes one argument"),
    case("Listen 80 90", "Syntax error on line 1 of FILE: Listen takes one argument"),
    case("Listen 80 # comment", "Syntax error on line 1 of FILE: Listen takes one argument"),
    case(
        "ServerName \"unfinished",
        "Syntax error on line 1 of FILE: the quote `\"` is not closed on this line",
    ),
    case(
        "<VirtualHost *:80>",
        "Syntax error on line 1 of FILE: `<VirtualHost>` is not closed before the end of the file",
    ),
    case("</VirtualHost>", "Syntax error on line 1 of FILE: `</VirtualHost>` has no opening tag"),
    case(
        "<VirtualHost *:80>\n</Location>",
        "Syntax error on line 2 of FILE: `</Location>` does not match `<VirtualHost>`",
    ),
    case("<VirtualHost *:80", "Syntax error on line 1 of FILE: the section is missing its `>`"),
    case("<Location>\n</Location>", "Syntax error on line 1 of FILE: `<Location>` takes an argument"),
    case("ProxyPass /a ${NOWHERE}", "Syntax error on line 1 of FILE: `NOWHERE` is not defined"),
    case(
        "Include nothing-here.conf",
        "Syntax error on line 1 of FILE: could not open configuration file `ROOT/nothing-here.conf`: No such file or directory (os error 2)",
    ),
    case(
        "Include nothing-*.conf",
        "Syntax error on line 1 of FILE: nothing matches `nothing-*.conf` in `ROOT`",
    ),
    case("Error \"this is my own\"", "Syntax error on line 1 of FILE: this is my own"),
    case("Define", "Syntax error on line 1 of FILE: `Define` takes a name, or a name and a value"),
    case("UnDefine a b", "Syntax error on line 1 of FILE: `UnDefine` takes one name"),
    // Names
    case("Lisen 80", "Syntax error on line 1 of FILE: Invalid command 'Lisen'"),
    case("NoSuchDirectiveAtAll 80", "Syntax error on line 1 of FILE: Invalid command 'NoSuchDirectiveAtAll'"),
    case("<Directory />\n</Directory>", "Syntax error on line 1 of FILE: Invalid command '<Directory>'"),
    // Places
    case(
        "<VirtualHost *:80>\nListen 81\n</VirtualHost>",
        "Syntax error on line 2 of FILE: `Listen` cannot stand inside `<VirtualHost>`",
    ),
    case(
        "<Location /a>\nServerName a\n</Location>",
        "Syntax error on line 2 of FILE: `ServerName` cannot stand inside `<Location>`",
    ),
    case(
        "BalancerMember http://127.0.0.1:1",
        "Syntax error on line 1 of FILE: `BalancerMember` cannot stand outside of sections",
    ),
    case(
        "<Location /a>\nLoadModule x_module x.so\n</Location>",
        "Syntax error on line 2 of FILE: `LoadModule` cannot stand inside `<Location>`",
    ),
    case("ServerAlias a", "Syntax error on line 1 of FILE: `ServerAlias` cannot stand outside of sections"),
    // Values
    case("Listen nowhere:80", "Syntax error on line 1 of FILE: `nowhere:80` is not an address to listen at"),
    case("Listen 99999", "Syntax error on line 1 of FILE: `99999` is not an address to listen at"),
    case(
        "Listen 127.0.0.1:81\nListen 127.0.0.1:81",
        "Syntax error on line 2 of FILE: 127.0.0.1:81 is listened at already",
    ),
    case(
        "Listen *:81\nListen 127.0.0.1:81",
        "Syntax error on line 2 of FILE: 127.0.0.1:81 and 0.0.0.0:81 overlap: one of them is enough",
    ),
    case("Executors 0", "Syntax error on line 1 of FILE: `0` is not a whole number from 1 to 1024"),
    case("Executors many", "Syntax error on line 1 of FILE: `many` is not a whole number from 1 to 1024"),
    case("Executors 2000", "Syntax error on line 1 of FILE: `2000` is not a whole number from 1 to 1024"),
    case("MaxTries 0", "Syntax error on line 1 of FILE: `0` is not a whole number from 1 to 10000"),
    case(
        "LimitRequestLine 8k",
        "Syntax error on line 1 of FILE: LimitRequestLine \"8k\" must be a non-negative integer",
    ),
    case(
        "LimitRequestFields -1",
        "Syntax error on line 1 of FILE: LimitRequestFields \"-1\" must be a non-negative integer (0 = no limit)",
    ),
    case(
        "LimitRequestBody much",
        "Syntax error on line 1 of FILE: LimitRequestBody requires a non-negative integer",
    ),
    case(
        "RequestReadTimeout header=10-20",
        "Syntax error on line 1 of FILE: RequestReadTimeout: header=10-20: Must set MinRate option if using timeout \
         range",
    ),
    case(
        "ResponseWriteTimeout 5,MinRate=0",
        "Syntax error on line 1 of FILE: ResponseWriteTimeout: 5,MinRate=0: Minimum data rate must be larger than 0",
    ),
    case("KeepAliveTimeout 5x", "Syntax error on line 1 of FILE: `5x` is not a duration"),
    case("MaxConnections 0", "Syntax error on line 1 of FILE: `0` is not a whole number from 1 to 10000000"),
    case("ProxyTimeout never", "Syntax error on line 1 of FILE: `never` is not a duration"),
    case("ProxyTimeout 0", "Syntax error on line 1 of FILE: `0` is less than 1ms"),
    case("ProxyConnectTimeout 5parsecs", "Syntax error on line 1 of FILE: `5parsecs` is not a duration"),
    case("GracefulShutdownTimeout 0", "Syntax error on line 1 of FILE: `0` is less than 1s"),
    case("ProxyPreserveHost Perhaps", "Syntax error on line 1 of FILE: ProxyPreserveHost must be On or Off"),
    case(
        "ProxyVia Sometimes",
        "Syntax error on line 1 of FILE: ProxyVia must be one of: Off, On, Full, Block",
    ),
    case(
        "ProxyRequests On",
        "Syntax error on line 1 of FILE: ProxyRequests On is refused: this server does no forward proxying",
    ),
    case("ServerName a/b", "Syntax error on line 1 of FILE: `a/b` is not a host name"),
    case(
        "<VirtualHost nowhere>\n</VirtualHost>",
        "Syntax error on line 1 of FILE: `nowhere` is not an address of a virtual host",
    ),
    case(
        "<Location a>\n</Location>",
        "Syntax error on line 1 of FILE: `a` is not a path: it begins without a slash",
    ),
    case("LogLevel loud", "Syntax error on line 1 of FILE: `loud` is not a log level"),
    case("CustomLog access.log \"%Q\"", "Syntax error on line 1 of FILE: `%Q` is no code of a log format"),
    case(
        "CustomLog access.log nosuchformat",
        "Syntax error on line 1 of FILE: no LogFormat is named `nosuchformat`",
    ),
    case(
        "ErrorLog \"|/bin/sh\"",
        "Syntax error on line 1 of FILE: `|/bin/sh` is not a file: programs and syslog are not supported",
    ),
    case("PidFile \"\"", "Syntax error on line 1 of FILE: the path is empty"),
    // Routes and clusters
    case("ProxyPass /a", "Syntax error on line 1 of FILE: ProxyPass takes a path and a target"),
    case(
        "ProxyPass a http://127.0.0.1:1",
        "Syntax error on line 1 of FILE: `a` is not a path: it begins without a slash",
    ),
    case(
        "ProxyPass /a ftp://127.0.0.1:1",
        "Syntax error on line 1 of FILE: 'ftp://127.0.0.1:1' is not a http:// URL: write http://host[:port]",
    ),
    case(
        "ProxyPass /a https://127.0.0.1:1",
        "Syntax error on line 1 of FILE: 'https://127.0.0.1:1' asks for TLS, which this version does not speak: use http://",
    ),
    case(
        "ProxyPass /a http://",
        "Syntax error on line 1 of FILE: 'http://' has no valid host name: write http://host[:port]",
    ),
    case(
        "ProxyPass /a http://127.0.0.1:port/",
        "Syntax error on line 1 of FILE: 'http://127.0.0.1:port/' has no valid port: write a number from 1 to 65535",
    ),
    case("ProxyPass /a cluster1", "Syntax error on line 1 of FILE: `cluster1` is not an URL"),
    case(
        "ProxyPass /a http://127.0.0.1:1 timeout=5",
        "Syntax error on line 1 of FILE: ProxyPass has no parameter `timeout`",
    ),
    case(
        "ProxyPass /a/../b http://127.0.0.1:1",
        "Syntax error on line 1 of FILE: `/a/../b` can match no request: path holds a `.` or `..` segment",
    ),
    case("ProxyPass /a balancer://nowhere", "Syntax error on line 1 of FILE: there is no cluster 'nowhere'"),
    case("<Proxy http://a/>\n</Proxy>", "Syntax error on line 1 of FILE: `http://a/` is not a cluster"),
    case(
        "<Proxy balancer://c>\n</Proxy>",
        "Syntax error on line 1 of FILE: cluster 'c' has no BalancerMember",
    ),
    case(
        "<Proxy balancer://c>\nBalancerMember http://127.0.0.1:1 route=a\n</Proxy>",
        "Syntax error on line 2 of FILE: BalancerMember has no parameter `route`",
    ),
    case(
        "<Proxy balancer://c>\nBalancerMember 127.0.0.1:1\n</Proxy>",
        "Syntax error on line 2 of FILE: '127.0.0.1:1' is not a http:// URL: write http://host[:port]",
    ),
    case(
        "<Location /a>\nProxyPass http://127.0.0.1:1\nProxyPass http://127.0.0.1:2\n</Location>",
        "Syntax error on line 3 of FILE: this <Location> has a mapping already",
    ),
    case(
        "<Location /a>\nProxyPass /b http://127.0.0.1:1\n</Location>",
        "Syntax error on line 2 of FILE: ProxyPass takes no path inside <Location>: the section's own is meant",
    ),
    case(
        "ProxyPassReverse / ftp://a",
        "Syntax error on line 1 of FILE: 'ftp://a' is not a http:// URL: write http://host[:port]",
    ),
    case("LBMethod cluster1 no_module", "Syntax error on line 1 of FILE: no module `no_module` is loaded"),
    case(
        "ServerRoot /no/such/directory",
        "Syntax error on line 1 of FILE: ServerRoot `/no/such/directory` is not a directory",
    ),
];

const BALANCER: &[Case] = &[
    case(
        "{lb}\nLBServerCluster",
        "Syntax error on line 2 of FILE: LBServerCluster takes a name and at least one value",
    ),
    case(
        "{lb}\nLBServerCluster cluster1",
        "Syntax error on line 2 of FILE: LBServerCluster takes a name and at least one value",
    ),
    case(
        "{lb}\nLBServerCluster cluster1 https://127.0.0.1:1",
        "Syntax error on line 2 of FILE: proxy_lb_module: 'https://127.0.0.1:1' asks for TLS, which this version does not speak: use http://",
    ),
    case(
        "{lb}\nLBServerCluster cluster1 127.0.0.1:1",
        "Syntax error on line 2 of FILE: proxy_lb_module: '127.0.0.1:1' is not a http:// URL: write http://host[:port]",
    ),
    case(
        "{lb}\nLBServerCluster \"a b\" http://127.0.0.1:1",
        "Syntax error on line 2 of FILE: proxy_lb_module: 'a b' cannot name a cluster: use letters, digits, '-', '_' and '.'",
    ),
    case("{lb}\nLBProxyPass /a", "Syntax error on line 2 of FILE: LBProxyPass takes a path and a target"),
    case("{lb}\nLBProxyPass /a cluster1", "Syntax error on line 2 of FILE: there is no cluster 'cluster1'"),
    case(
        "{lb}\nLBServerCluster cluster1 http://127.0.0.1:1\nLBProxyPass /a cluster2",
        "Syntax error on line 3 of FILE: there is no cluster 'cluster2'",
    ),
    case(
        "{lb}\nLBProxyPass /a http://127.0.0.1:1",
        "Syntax error on line 2 of FILE: `http://127.0.0.1:1` is an URL where the name of a cluster is wanted",
    ),
    case(
        "{lb}\nLBServerCluster cluster1 http://127.0.0.1:1\nLBMethod cluster2 proxy_lb_module",
        "Syntax error on line 3 of FILE: there is no cluster 'cluster2'",
    ),
    case(
        "{lb}\nLBMethod c proxy_lb_modul",
        "Syntax error on line 2 of FILE: no module `proxy_lb_modul` is loaded",
    ),
    case(
        "{lb}\n<Location /a>\nLBServerCluster cluster1 http://127.0.0.1:1\n</Location>",
        "Syntax error on line 3 of FILE: `LBServerCluster` cannot stand inside `<Location>`",
    ),
    case(
        "{lb}\nLBServerCluster c http://127.0.0.1:1\n<Proxy balancer://c>\nBalancerMember http://127.0.0.1:2\n</Proxy>",
        "Syntax error on line 2 of FILE: cluster 'c' is declared twice",
    ),
];

const TOML: &[Case] = &[
    case(
        "Listen = ",
        "Syntax error on line 1 of FILE: string values must be quoted, expected literal string",
    ),
    case("Lisen = 80", "Syntax error on line 1 of FILE: Invalid command 'Lisen'"),
    case("Listen = 80\nListen = 81", "Syntax error on line 2 of FILE: duplicate key"),
    case("Listen = [80, 81]", "Syntax error on line 1 of FILE: Listen takes one argument"),
    case(
        "Executors = \"none\"",
        "Syntax error on line 1 of FILE: `none` is not a whole number from 1 to 1024",
    ),
    case("ProxyPass = [\"/a\", \"b\"]", "Syntax error on line 1 of FILE: `b` is not an URL"),
    case(
        "[VirtualHost.\"*:80\"]\nListen = 81",
        "Syntax error on line 2 of FILE: `Listen` cannot stand inside `<VirtualHost>`",
    ),
    case(
        "RequestReadTimeout = [\"body=5\", \"head=1\"]",
        "Syntax error on line 1 of FILE: RequestReadTimeout: head=1: Unknown RequestReadTimeout parameter",
    ),
    case("KeepAlive = 5", "Syntax error on line 1 of FILE: KeepAlive must be On or Off"),
    case("VirtualHost = 5", "Syntax error on line 1 of FILE: `VirtualHost` is a section"),
    case("[Listen]\na = 1", "Syntax error on line 2 of FILE: `Listen` is a section and takes an argument"),
    case("Executors = 1.5", "Syntax error on line 1 of FILE: `1.5` is not a whole number from 1 to 1024"),
    case(
        "ProxyPreserveHost = \"Perhaps\"",
        "Syntax error on line 1 of FILE: ProxyPreserveHost must be On or Off",
    ),
    case("ProxyTimeout = 1979-05-27", "Syntax error on line 1 of FILE: `1979-05-27` is not a duration"),
    case("ProxyPass = \"/a ${NOWHERE}\"", "Syntax error on line 1 of FILE: `NOWHERE` is not defined"),
    case(
        "[[Lines]]\nExecutors = 0",
        "Syntax error on line 2 of FILE: `0` is not a whole number from 1 to 1024",
    ),
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
fn a_directive_of_a_module_that_is_not_loaded_is_unknown() {
    if !is_static() {
        check_all(
            Syntax::Conf,
            &[case(
                "LBServerCluster cluster1 http://127.0.0.1:1",
                "Syntax error on line 1 of FILE: Invalid command 'LBServerCluster'",
            )],
        );
    }
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
        "Listen 81\nLoadModule proxy_lb_module nowhere.so\nLBServerCluster a http://127.0.0.1:1\nLBServerCluster a http://127.0.0.1:2\n\
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
    assert!(
        errors == 3 && run.stderr.contains("3 directives after it were not recognised"),
        "{}",
        run.stderr
    );
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
