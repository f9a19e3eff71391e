//! What directives mean, read off the `ServerConf`.

use std::path::PathBuf;
use std::time::Duration;

use super::fake::sound;
use crate::conf::{LogLevel, LogTarget, MapTarget, ServerConf, Via};
use crate::containment::{OnPanic, Quarantine};
use crate::value::{Value, ValueKind};

fn conf(text: &str) -> ServerConf {
    sound(&format!("Listen 127.0.0.1:8080\n{text}")).conf
}

/// A value as text: `[..]` a list, `{..}` a map, `-` nothing.
fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::Null => "-".to_owned(),
        ValueKind::Text(text) => text.clone(),
        ValueKind::List(values) => format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(" ")),
        ValueKind::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[test]
fn modules_get_each_shape() {
    for (lines, expected) in [
        ("", "{}"),
        ("ShapeNone", "{ShapeNone: -}"),
        ("ShapeOne a\nshapeone \"b c\"", "{ShapeOne: b c}"),
        ("ShapeTwo a b", "{ShapeTwo: [a b]}"),
        ("ShapeArgv a b c\nShapeArgv d", "{ShapeArgv: [d]}"),
        ("ShapeEach a b\nShapeEach c", "{ShapeEach: [a b c]}"),
        ("ShapeEach2 k a b\nShapeEach2 k c", "{ShapeEach2: {k: [a b c]}}"),
        ("ShapeFlag oN", "{ShapeFlag: On}"),
        ("ShapeRaw a  \"b\"", "{ShapeRaw: a  \"b\"}"),
        ("ShapeKeyed b 1\nShapeKeyed a 2\nShapeKeyed b 3 4", "{ShapeKeyed: {b: [1 3 4], a: [2]}}"),
    ] {
        let conf = conf(&format!("LoadModule shapes_module modules/s.so\n{lines}"));
        let (ident, value) = &conf.module_values[1];
        assert_eq!((ident.as_str(), shown(value).as_str()), ("shapes_module", expected), "{lines}");
    }
}

#[test]
fn each_word_of_a_module_knows_its_place() {
    let conf = conf("LoadModule shapes_module modules/s.so\nShapeKeyed c http://a http://b");
    let value = conf.module_values[1].1.get("ShapeKeyed").unwrap().get("c").unwrap();
    let places: Vec<_> = (0..2).map(|index| value.at(index).unwrap().1.span.unwrap()).collect();
    assert_eq!(places.iter().map(|span| (span.line, span.column)).collect::<Vec<_>>(), [(3, 14), (3, 23)]);
    assert_eq!(value.span.unwrap().line, 3);
}

#[test]
fn the_seeds_lines_mean_what_the_post_says() {
    let conf = conf(
        "LoadModule proxy_lb_module modules/mod_proxy_lb.so\n<IfModule mod_proxy_lb.c>\n\
         LBServerCluster cluster1 http://a:1\nLBServerCluster cluster1 http://b:2\n\
         LBProxyPass /file500.html cluster1\nLBProxyPass /sno%6fp cluster1/app/\nLBProxyPass /x !\n</IfModule>",
    );
    assert_eq!(shown(&conf.module_values[1].1), "{LBServerCluster: {cluster1: [http://a:1 http://b:2]}}");
    let cluster = |path: Option<&str>| MapTarget::Cluster {
        symbol: "cluster1".to_owned(),
        path: path.map(str::to_owned),
        owner: Some("proxy_lb_module".to_owned()),
    };
    let found: Vec<_> = conf.servers[0]
        .mappings
        .iter()
        .map(|mapping| (String::from_utf8_lossy(&mapping.prefix).into_owned(), mapping.target.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("/file500.html".to_owned(), cluster(None)),
            ("/snoop".to_owned(), cluster(Some("/app/"))),
            ("/x".to_owned(), MapTarget::Exclude),
        ]
    );
}

#[test]
fn the_list_of_mappings_keeps_the_order_of_the_file() {
    let conf = conf(
        "ProxyPass /a http://x/y\nLoadModule proxy_lb_module modules/mod_proxy_lb.so\nLBProxyPass /b c\n\
         ProxyPass /c balancer://c\nProxyPass /d balancer://c/e",
    );
    let targets: Vec<_> = conf.servers[0]
        .mappings
        .iter()
        .map(|mapping| match &mapping.target {
            MapTarget::Exclude => "!".to_owned(),
            MapTarget::Origin { origin, path } => format!("{origin} {path:?}"),
            MapTarget::Cluster { symbol, path, owner } => format!("{symbol} {path:?} {owner:?}"),
        })
        .collect();
    assert_eq!(
        targets,
        [
            "http://x:80 \"/y\"",
            "c None Some(\"proxy_lb_module\")",
            "c Some(\"\") None",
            "c Some(\"/e\") None"
        ]
    );
}

#[test]
fn settings_are_inherited_whatever_the_order_of_lines() {
    let conf = conf(
        "<VirtualHost *:8080>\nServerName WWW.Example.\nServerAlias *.example a\nProxyVia Full\n\
         <Location /slow>\nProxyTimeout 5min\n</Location>\n</VirtualHost>\n\
         ProxyTimeout 30\nProxyConnectTimeout 250ms\nProxyPreserveHost On\nProxyAddHeaders off\nMaxTries 2",
    );
    let [main, host] = conf.servers.as_slice() else { panic!("{} servers", conf.servers.len()) };
    assert_eq!(main.proxy.timeout, Duration::from_secs(30));
    assert_eq!(main.proxy.via, Via::Off);
    assert_eq!(host.proxy.via, Via::Full);
    assert_eq!(
        (host.proxy.timeout, host.proxy.connect_timeout),
        (main.proxy.timeout, Duration::from_millis(250))
    );
    assert_eq!(
        (host.proxy.preserve_host, host.proxy.add_headers, host.proxy.max_tries),
        (true, false, Some(2))
    );
    assert_eq!(host.locations[0].proxy.timeout, Some(Duration::from_secs(300)));
    assert_eq!(host.locations[0].proxy.via, None);
    assert_eq!(host.name.as_deref(), Some("www.example"));
    assert_eq!(host.aliases, ["*.example", "a"]);
    assert_eq!(host.addrs[0].to_string(), "*:8080");
}

#[test]
fn the_process_has_its_settings() {
    let conf = conf(
        "Listen [::1]:81\nExecutors 3\nPidFile run/proxyd.pid\nGracefulShutdownTimeout 5\nErrorLog /dev/stdout\n\
         ServerName http://www.example:8080",
    );
    let listen: Vec<_> = conf.listen.iter().map(|listen| listen.addr.to_string()).collect();
    assert_eq!(listen, ["127.0.0.1:8080", "[::1]:81"]);
    assert_eq!(conf.executors, Some(3));
    assert_eq!(conf.pid_file, Some(PathBuf::from("/srv/run/proxyd.pid")));
    assert_eq!(conf.shutdown_timeout, Duration::from_secs(5));
    assert_eq!(conf.error_log, LogTarget::Stdout);
    assert_eq!(conf.servers[0].name.as_deref(), Some("www.example"));
}

#[test]
fn logs_have_levels_and_formats() {
    let conf = conf(
        "LoadModule proxy_lb_module modules/mod_proxy_lb.so\nLogLevel core:trace8 info mod_proxy_lb:debug\n\
         CustomLog logs/access short\nLogFormat \"%h %s\" short\nCustomLog /dev/null %h\nCustomLog /dev/stderr common",
    );
    assert_eq!(conf.log_level.default, LogLevel::Info);
    assert_eq!(conf.log_level.modules, [("mod_proxy_lb".to_owned(), LogLevel::Debug)]);
    let logs: Vec<_> =
        conf.servers[0].access_logs.iter().map(|log| (log.target.clone(), log.format.as_str())).collect();
    assert_eq!(
        logs,
        [
            (LogTarget::File(PathBuf::from("/srv/logs/access")), "%h %s"),
            (LogTarget::Off, "%h"),
            (LogTarget::Stderr, "%h %l %u %t \"%r\" %>s %b"),
        ]
    );
}

#[test]
fn clusters_of_the_core_have_endpoints_and_weights() {
    let conf = conf(
        "LoadModule proxy_lb_module modules/mod_proxy_lb.so\nLBMethod c mod_proxy_lb\n<Proxy balancer://c/>\n\
         BalancerMember http://a:1\nBalancerMember http://b loadfactor=3\n</Proxy>",
    );
    let [cluster] = conf.clusters.as_slice() else { panic!("{} clusters", conf.clusters.len()) };
    let endpoints: Vec<_> =
        cluster.endpoints.iter().map(|endpoint| (endpoint.origin.to_string(), endpoint.weight)).collect();
    assert_eq!(cluster.name, "c");
    assert_eq!(endpoints, [("http://a:1".to_owned(), 1), ("http://b:80".to_owned(), 3)]);
    assert_eq!(conf.lb_methods[0].module, "proxy_lb_module");
}

#[test]
fn what_an_endpoint_calls_itself_leaves_out_its_socket_and_nothing_else() {
    for (url, internal) in [
        ("/inner", "/inner"),
        ("/in|ner", "/in|ner"),
        ("http://b/x", "http://b/x"),
        ("http://b/x|y", "http://b/x|y"),
        ("balancer://c/x|y", "balancer://c/x|y"),
        ("unix:/run/a.sock|http://b/x", "http://b/x"),
        ("unix:/run/a.sock|http://b/x|y", "http://b/x|y"),
        ("unix:/run/a.sock|http:", "http://localhost"),
        ("UNIX:/run/a.sock|HTTP:", "http://localhost"),
    ] {
        let conf = conf(&format!("ProxyPassReverse / {url}"));
        assert_eq!(conf.servers[0].reverse[0].url, internal, "{url}");
    }
}

#[test]
fn a_location_gives_its_path_to_what_stands_in_it() {
    let conf = conf("<Location /%61pp/>\nProxyPass http://a/\nProxyPassReverse balancer://c/x\n</Location>");
    let location = &conf.servers[0].locations[0];
    assert_eq!(location.path, b"/app/");
    assert_eq!(location.mappings[0].prefix, b"/app/");
    assert_eq!(
        (location.reverse[0].path.as_str(), location.reverse[0].url.as_str()),
        ("/app/", "balancer://c/x")
    );
    assert!(conf.servers[0].mappings.is_empty());
}

#[test]
fn built_in_modules_come_first() {
    let configured = sound("Listen 80\nLoadModule plain_module modules/p.so\nBuiltIn x");
    let idents: Vec<_> = configured.modules.iter().map(|module| module.info().ident.as_str()).collect();
    assert_eq!(idents, ["built_in_module", "plain_module"]);
    assert_eq!(shown(&configured.conf.module_values[0].1), "{BuiltIn: x}");
}

#[test]
fn what_comes_of_faults_is_said_for_all_and_for_single_modules() {
    let quarantine = |faults, within, rest| {
        let (within, rest) = (Duration::from_secs(within), Duration::from_millis(rest));
        OnPanic::Quarantine(Quarantine { faults, within, rest })
    };
    for (lines, of_all, of_lb) in [
        ("", quarantine(5, 60, 30_000), quarantine(5, 60, 30_000)),
        ("ModuleOnPanic quarantine", quarantine(5, 60, 30_000), quarantine(5, 60, 30_000)),
        ("ModuleOnPanic quarantine 9/2min", quarantine(9, 120, 30_000), quarantine(9, 120, 30_000)),
        ("ModuleOnPanic mod_proxy_lb Fail", quarantine(5, 60, 30_000), OnPanic::Fail),
        (
            "ModuleOnPanic proxy_lb_module quarantine 1/7s 200ms\nModuleOnPanic abort",
            OnPanic::Abort,
            quarantine(1, 7, 200),
        ),
        (
            "ModuleOnPanic mod_proxy_lb.c abort\nModuleOnPanic proxy_lb_module fail",
            quarantine(5, 60, 30_000),
            OnPanic::Fail,
        ),
    ] {
        let conf = conf(&format!("LoadModule proxy_lb_module modules/mod_proxy_lb.so\n{lines}"));
        let said = (conf.on_panics.of("other_module"), conf.on_panics.of("proxy_lb_module"));
        assert_eq!(said, (of_all, of_lb), "{lines}");
    }
}
