//! Which server, which mapping, which target: tables.

use std::net::SocketAddr;
use std::time::Duration;

use proxy_config::{Diagnostic, Input, MemoryLoader, Span};

use super::hosts::matches;
use super::{Clusters, Destination, Route, Servers};
use crate::conf::MapTarget;
use crate::lower::configure;
use crate::module::{LoadModules, LoadedCode, ModuleFile, NotLoaded};
use crate::origin::{Origin, parse_url};

struct NoModules;

impl LoadModules for NoModules {
    fn load(&self, _: &ModuleFile) -> Result<LoadedCode, NotLoaded> {
        Err(NotLoaded::File("there are none".to_owned()))
    }
}

/// Numbers targets in the order of their first appearance; knows the cluster `c` alone.
#[derive(Default)]
struct Numbering(Vec<String>);

impl Clusters for Numbering {
    fn destination(&mut self, target: &MapTarget, span: Span) -> Result<Option<Destination>, Diagnostic> {
        let name = match target {
            MapTarget::Exclude => return Ok(None),
            MapTarget::Origin { origin, .. } => origin.to_string(),
            MapTarget::Cluster { symbol, .. } if symbol == "c" => symbol.clone(),
            MapTarget::Cluster { symbol, .. } => return Err(Diagnostic::error(span, format!("no {symbol}"))),
        };
        let cluster = self.0.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.0.push(name);
            self.0.len() - 1
        });
        Ok(Some(Destination { cluster, balancer: None }))
    }

    fn origins(&self, cluster: &str, span: Span) -> Result<Vec<Origin>, Diagnostic> {
        match cluster {
            "c" => Ok(["http://e1", "http://e2:82"].map(|url| parse_url(url).unwrap().0).to_vec()),
            _ => Err(Diagnostic::error(span, format!("no {cluster}"))),
        }
    }
}

fn compile(text: &str) -> Result<(Servers, Vec<String>), Vec<Diagnostic>> {
    let files = MemoryLoader::default().with("/srv/x.conf", format!("Listen 80\n{text}"));
    let configured = configure(&Input::new("/srv/x.conf", "/srv"), &files, &NoModules, Vec::new());
    let printed: Vec<_> =
        configured.diagnostics.errors().map(|error| configured.sources.render(error)).collect();
    assert!(printed.is_empty(), "{}", printed.join("\n"));
    let mut numbering = Numbering::default();
    Servers::compile(&configured.conf, &mut numbering).map(|servers| (servers, numbering.0))
}

fn servers(text: &str) -> Servers {
    compile(text).unwrap().0
}

const ANYWHERE: &str = "10.0.0.1:80";

#[test]
fn address_then_name_then_alias_then_the_first() {
    let servers = servers(
        "ServerName main.example\n\
         <VirtualHost *:80>\nServerName first.example\n</VirtualHost>\n\
         <VirtualHost *:80>\nServerAlias *.example a?c named.example\n</VirtualHost>\n\
         <VirtualHost *:80>\nServerName named.example\n</VirtualHost>\n\
         <VirtualHost 10.0.0.2:80 10.0.0.3>\nServerName by-ip.example\n</VirtualHost>\n\
         <VirtualHost 10.0.0.2:*>\nServerName by-ip-any-port.example\n</VirtualHost>\n\
         <VirtualHost [::2]:80>\nServerName v6.example\n</VirtualHost>",
    );
    for (local, host, expected) in [
        ("10.0.0.1:80", Some("first.example"), 1),
        ("10.0.0.1:80", Some("FIRST.example."), 1),
        ("10.0.0.1:80", Some("other.example"), 2),
        ("10.0.0.1:80", Some("aBc"), 2),
        ("10.0.0.1:80", Some("abbc"), 1),
        // A name goes before an alias, wherever it stands.
        ("10.0.0.1:80", Some("named.example"), 3),
        ("10.0.0.1:80", Some("nobody"), 1),
        ("10.0.0.1:80", None, 1),
        // The main server's name counts for nothing where a virtual host has the address.
        ("10.0.0.1:80", Some("main.example"), 2),
        ("10.0.0.1:81", Some("first.example"), 0),
        ("10.0.0.2:80", Some("first.example"), 4),
        ("10.0.0.2:81", Some("first.example"), 5),
        ("10.0.0.3:81", None, 4),
        ("[::2]:80", None, 6),
        ("[::3]:80", None, 1),
        ("[::ffff:10.0.0.2]:80", None, 4),
    ] {
        let local: SocketAddr = local.parse().unwrap();
        let found = servers.server(local, host.map(str::as_bytes)).number;
        assert_eq!(found, expected, "{local} {host:?}");
    }
}

#[test]
fn hosts_of_nobody_are_told_from_those_of_the_first() {
    let hosts = "ServerName main.example\nProxyPass / http://o\n<VirtualHost 10.0.0.1:80>\nServerName a.example\n\
                 ServerAlias *.a.example\n</VirtualHost>\n<VirtualHost 10.0.0.1:80>\nServerName b.example\n\
                 </VirtualHost>\n";
    let (strict, lax) = (servers(&format!("StrictHostCheck On\n{hosts}")), servers(hosts));
    for (local, host, number, is_nobodys) in [
        ("10.0.0.1:80", Some("A.example"), 1, false),
        ("10.0.0.1:80", Some("x.a.example"), 1, false),
        ("10.0.0.1:80", Some("b.example"), 2, false),
        ("10.0.0.1:80", Some("main.example"), 1, true),
        ("10.0.0.1:80", Some("10.0.0.1"), 1, true),
        // Without a Host nothing wrong was said.
        ("10.0.0.1:80", None, 1, false),
        ("10.0.0.2:80", Some("main.example"), 0, false),
        ("10.0.0.2:80", Some("a.example"), 0, true),
        ("10.0.0.2:80", None, 0, false),
    ] {
        let route = |servers: &Servers| -> (usize, bool, bool) {
            let routed = servers.route(local.parse().unwrap(), host.map(str::as_bytes), b"/");
            (routed.server.number, routed.server.is_nobody(), routed.route.is_some())
        };
        assert_eq!(route(&strict), (number, is_nobodys, !is_nobodys), "{local} {host:?}");
        assert_eq!(route(&lax), (number, false, true), "{local} {host:?}");
    }
}

#[test]
fn wildcards_match_as_in_httpd() {
    for (pattern, host, expected) in [
        ("*", "", true),
        ("*.a", "x.y.a", true),
        ("*.a", ".a", true),
        ("*.a", "a", false),
        ("a*b*c", "a.b.b.c", true),
        ("a*b*c", "a.b.c.d", false),
        ("a?", "ab", true),
        ("a?", "a", false),
        ("A", "a", true),
        ("a", "ab", false),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(matches(pattern.as_bytes(), host.as_bytes()), expected, "{pattern} {host}");
    }
}

/// What a path leads to: the destination's name, `!` if excluded or unmapped.
fn led(text: &str, path: &str) -> String {
    let (servers, names) = compile(text).unwrap();
    let routed = servers.route(ANYWHERE.parse().unwrap(), None, path.as_bytes());
    routed.route.map_or_else(|| "!".to_owned(), |route| names[route.destination.cluster].clone())
}

#[test]
fn the_first_mapping_that_fits_counts_and_those_of_locations_go_first() {
    let text = "ProxyPass /a/x !\nProxyPass /a http://a\nProxyPass /a/b http://never\nProxyPass /l http://never\n\
                <Location /l/m>\nProxyTimeout 1\n</Location>\n<Location /l>\nProxyPass http://l\n</Location>\n\
                <Location /l/n>\nProxyPass http://late\n</Location>\n<Location /no>\nProxyPass !\n</Location>\n\
                ProxyPass /no http://never\nProxyPass /dir/ http://dir/\n";
    for (path, expected) in [
        ("/a", "http://a:80"),
        ("/a/b", "http://a:80"),
        ("/a/x", "!"),
        ("/a/x/y", "!"),
        ("/a/xy", "http://a:80"),
        ("/ab", "!"),
        ("/", "!"),
        ("/l", "http://l:80"),
        ("/l/m", "http://l:80"),
        ("/l/n", "http://l:80"),
        ("/no", "!"),
        ("/dir", "!"),
        ("/dir/", "http://dir:80"),
        ("/dir/x", "http://dir:80"),
        ("*", "!"),
    ] {
        assert_eq!(led(text, path), expected, "{path}");
    }
}

#[test]
fn a_virtual_host_has_the_main_servers_mappings_first() {
    let text = "<VirtualHost *:80>\nProxyPass /both http://own\nProxyPass /own http://own\n\
                <Location /both/in>\nProxyPass http://in\n</Location>\n</VirtualHost>\nProxyPass /both http://main";
    for (path, expected) in
        [("/both", "http://main:80"), ("/own", "http://own:80"), ("/both/in", "http://in:80"), ("/x", "!")]
    {
        assert_eq!(led(text, path), expected, "{path}");
    }
}

#[test]
fn settings_of_all_locations_that_hold_the_path_add_up_in_file_order() {
    let servers = servers(
        "ProxyTimeout 1\nMaxTries 9\n<Location /a/b>\nProxyTimeout 3\nMaxTries 3\n</Location>\n\
         <Location /a>\nProxyTimeout 2\nProxyPreserveHost On\n</Location>\n\
         <Location /a/b>\nProxyConnectTimeout 7\n</Location>",
    );
    for (path, timeout, tries, preserve, connect) in [
        ("/", 1, 9, false, 2),
        ("/a", 2, 9, true, 2),
        ("/a/x", 2, 9, true, 2),
        ("/a/b/c", 2, 3, true, 7),
        ("/ab", 1, 9, false, 2),
    ] {
        let found = servers.route(ANYWHERE.parse().unwrap(), None, path.as_bytes()).settings;
        assert_eq!(found.timeout, Duration::from_secs(timeout), "{path}");
        assert_eq!(found.connect_timeout, Duration::from_secs(connect), "{path}");
        assert_eq!((found.max_tries, found.preserve_host), (Some(tries), preserve), "{path}");
    }
}

#[test]
fn the_target_is_exchanged_at_the_prefix_and_nowhere_else() {
    for (prefix, replace, target, expected) in [
        ("/snoop", None, "/snoop?a=/snoop", "/snoop?a=/snoop"),
        ("/snoop", None, "/%73noop/%7e//x%2f?", "/%73noop/%7e//x%2f?"),
        ("/snoop", Some("/app"), "/snoop", "/app"),
        ("/snoop", Some("/app"), "/snoop/x%2fy?q=1", "/app/x%2fy?q=1"),
        ("/snoop", Some("/app"), "/%73no%6Fp/%7ex", "/app/%7ex"),
        ("/snoop", Some("/app"), "/snoop?q", "/app?q"),
        ("/snoop", Some("/app/"), "/snoop/x", "/app//x"),
        ("/snoop/", Some("/app"), "/snoop/x", "/appx"),
        ("/a%2Fb", Some("/c"), "/a%2fb/d", "/c/d"),
        ("/", Some("/"), "/x", "/x"),
        ("/", Some("/b/"), "/x/y", "/b/x/y"),
        // An URL without a path: what is left begins with a slash.
        ("/snoop", Some(""), "/snoop", "/"),
        ("/snoop", Some(""), "/snoop?q", "/?q"),
        ("/snoop", Some(""), "/snoop/x", "/x"),
        ("/", Some(""), "/x", "/x"),
        ("/", Some(""), "/", "/"),
        ("/", Some(""), "//x", "/x"),
        // However many slashes there are, the prefix is what matched.
        ("/a/b", Some("/c"), "/a//b///x", "/c///x"),
        ("/a/b/", Some("/c/"), "/a//b///x//y", "/c/x//y"),
        ("/a/b", None, "/a//b///x", "/a//b///x"),
    ] {
        let files = MemoryLoader::default().with("/x", "Listen 80");
        let span = configure(&Input::new("/x", "/"), &files, &NoModules, Vec::new()).tree.nodes[0].span();
        let route = Route {
            destination: Destination { cluster: 0, balancer: None },
            prefix: prefix.into(),
            replace: replace.map(Into::into),
            span,
        };
        let mut out = b"GET ".to_vec();
        route.rewrite(target.as_bytes(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("GET {expected}"),
            "{prefix} {replace:?} {target}"
        );
    }
}

#[test]
fn what_endpoints_call_themselves_is_known_for_each_of_them() {
    let servers = servers(
        "ProxyPassReverse /m http://M:80/x\n<Location /l>\nProxyPassReverse balancer://c/app\n</Location>\n\
         <VirtualHost *:80>\nProxyPassReverse /v /inner\n</VirtualHost>",
    );
    let rules = |path: &str| -> Vec<String> {
        let routed = servers.route(ANYWHERE.parse().unwrap(), None, path.as_bytes());
        routed.reverse.places.iter().map(|rule| format!("{} {}", rule.internal, rule.public)).collect()
    };
    assert_eq!(rules("/"), ["http://M:80/x /m", "/inner /v"]);
    assert_eq!(
        rules("/l/x"),
        ["http://M:80/x /m", "/inner /v", "http://e1/app /l", "http://e1:80/app /l", "http://e2:82/app /l"]
    );
}

#[test]
fn rules_about_cookies_add_up_as_those_about_places_do() {
    let servers = servers(
        "ProxyPassReverseCookieDomain m.local m.test\n<Location /l>\nProxyPassReverseCookiePath /in /l\n</Location>\n\
         <VirtualHost *:80>\nProxyPassReverseCookiePath /v /\n</VirtualHost>",
    );
    let rules = |path: &str| -> Vec<String> {
        let routed = servers.route(ANYWHERE.parse().unwrap(), None, path.as_bytes());
        let rules = routed.reverse.cookies.iter();
        rules.map(|rule| format!("{:?} {} {}", rule.attribute, rule.internal, rule.public)).collect()
    };
    assert_eq!(rules("/"), ["Domain m.local m.test", "Path /v /"]);
    assert_eq!(rules("/l/x"), ["Domain m.local m.test", "Path /v /", "Path /in /l"]);
}

#[test]
fn each_mapping_that_leads_nowhere_is_named_once() {
    let faults = compile(
        "ProxyPass /a balancer://x\nProxyPass /b balancer://c\nProxyPassReverse /b balancer://y\n\
         <VirtualHost *:80>\n</VirtualHost>\n<VirtualHost *:80>\nProxyPass /a balancer://z\n</VirtualHost>",
    )
    .unwrap_err();
    let messages: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(messages, ["no x", "no y", "no z"]);
}
