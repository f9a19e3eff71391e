//! What is wrong and how it is said: the first line of each message, exactly.

use super::fake::{from_conf, printed};
use crate::module::{LoadModules, LoadedCode, ModuleFile, NotLoaded};

const LOAD: &str = "LoadModule proxy_lb_module modules/mod_proxy_lb.so";

/// A configuration of which `$LOAD` is the seed's LoadModule line, and its complaints without the part that is the
/// same in all: the file, which is `/srv/conf/proxyd.conf`. A warning is marked by `warning`.
const CASES: &[(&str, &[&str])] = &[
    // Names.
    ("Lisen 80", &["1: Invalid command 'Lisen'", "no Listen line: the server would have no address"]),
    ("Listen 80\nFrobnicate on", &["2: Invalid command 'Frobnicate'"]),
    ("Listen 80\nLBServerCluster c http://a", &["2: Invalid command 'LBServerCluster'"]),
    ("Listen 80\n<Directory /x>\nNonsense\n</Directory>", &["2: Invalid command '<Directory>'"]),
    ("Listen 80\n<Executors 3>\n</Executors>", &["2: `Executors` is not a section"]),
    ("Listen 80\nVirtualHost *:80", &["2: `VirtualHost` is a section"]),
    // Places.
    (
        "Listen 80\n<VirtualHost *:80>\nExecutors 2\n</VirtualHost>",
        &["3: `Executors` cannot stand inside `<VirtualHost>`"],
    ),
    (
        "Listen 80\n<Location /a>\nServerName x\n</Location>",
        &["3: `ServerName` cannot stand inside `<Location>`"],
    ),
    (
        "Listen 80\n<Location /a>\n<Location /b>\n</Location>\n</Location>",
        &["3: `<Location>` cannot stand inside `<Location>`"],
    ),
    ("Listen 80\nBalancerMember http://a", &["2: `BalancerMember` cannot stand outside of sections"]),
    ("Listen 80\nServerAlias x", &["2: `ServerAlias` cannot stand outside of sections"]),
    (
        "Listen 80\n$LOAD\n<VirtualHost *:80>\nLBServerCluster c http://a\n</VirtualHost>",
        &["4: `LBServerCluster` cannot stand inside `<VirtualHost>`"],
    ),
    (
        "Listen 80\nLoadModule shapes_module modules/s.so\n<Location /x>\nShapeOne 1\n</Location>",
        &["4: `ShapeOne` cannot stand inside `<Location>`"],
    ),
    // How many arguments.
    ("Listen 80 81", &["1: Listen takes one argument"]),
    ("Listen", &["1: Listen takes one argument"]),
    ("Listen 80\nProxyPreserveHost maybe", &["2: ProxyPreserveHost must be On or Off"]),
    ("Listen 80\nLogFormat %h", &["2: LogFormat takes two arguments"]),
    ("Listen 80\nProxyPass http://a", &["2: ProxyPass takes a path and a target"]),
    ("Listen 80\n$LOAD\nLBServerCluster c", &["3: LBServerCluster takes a name and at least one value"]),
    ("Listen 80\n$LOAD\nLBProxyPass /a", &["3: LBProxyPass takes a path and a target"]),
    ("Listen 80\n<Location>\n</Location>", &["2: `<Location>` takes an argument"]),
    // Values.
    ("Listen localhost:80", &["1: `localhost:80` is not an address to listen at"]),
    ("Listen 70000", &["1: `70000` is not an address to listen at"]),
    ("Listen 80\nListen 80", &["2: 0.0.0.0:80 is listened at already"]),
    ("Listen 80\nListen 127.0.0.1:80", &["2: 127.0.0.1:80 and 0.0.0.0:80 overlap: one of them is enough"]),
    ("", &["no Listen line: the server would have no address"]),
    ("Listen 80\nExecutors 0", &["2: `0` is not a whole number from 1 to 1024"]),
    ("Listen 80\nExecutors many", &["2: `many` is not a whole number from 1 to 1024"]),
    ("Listen 80\nMaxTries +1", &["2: `+1` is not a whole number from 1 to 10000"]),
    ("Listen 80\nProxyTimeout soon", &["2: `soon` is not a duration"]),
    ("Listen 80\nProxyTimeout 0", &["2: `0` is less than 1ms"]),
    ("Listen 80\nGracefulShutdownTimeout 20ms", &["2: `20ms` is less than 1s"]),
    ("Listen 80\nProxyVia maybe", &["2: ProxyVia must be one of: Off, On, Full, Block"]),
    ("Listen 80\nPidFile \"\"", &["2: the path is empty"]),
    ("Listen 80\nErrorLog \"  \"", &["2: the path is empty"]),
    (
        "Listen 80\nProxyRequests On",
        &["2: ProxyRequests On is refused: this server does no forward proxying"],
    ),
    ("Listen 80\nServerName a/b", &["2: `a/b` is not a host name"]),
    ("Listen 80\nServerName a:port", &["2: `a:port` is not a host name"]),
    ("Listen 80\n<VirtualHost *:80>\nServerAlias ok a$b\n</VirtualHost>", &["3: `a$b` is not a host name"]),
    (
        "Listen 80\n<VirtualHost a.example:80>\n</VirtualHost>",
        &["2: `a.example:80` is not an address of a virtual host"],
    ),
    (
        "Listen 80\n<VirtualHost *:81>\n</VirtualHost>",
        &["warning 2: no Listen line serves the virtual host's *:81"],
    ),
    // Faults of modules.
    ("Listen 80\nModuleOnPanic", &["2: ModuleOnPanic requires at least one argument"]),
    ("Listen 80\nModuleOnPanic ignore", &["2: `ignore` is nothing that could come of a module's fault"]),
    ("Listen 80\nModuleOnPanic fail 5/60s", &["2: `5/60s` is one word too many"]),
    ("Listen 80\nModuleOnPanic quarantine 5", &["2: `5` is no number of faults in a time"]),
    ("Listen 80\nModuleOnPanic quarantine 0/60s", &["2: `0` is not a whole number from 1 to 1000000"]),
    ("Listen 80\nModuleOnPanic quarantine 5/soon", &["2: `soon` is not a duration"]),
    ("Listen 80\nModuleOnPanic quarantine 5/10ms", &["2: `10ms` is less than 1s"]),
    ("Listen 80\nModuleOnPanic quarantine 5/60s 1ms", &["2: `1ms` is less than 100ms"]),
    ("Listen 80\nModuleOnPanic quarantine 5/60s 1s 2s", &["2: `2s` is one word too many"]),
    ("Listen 80\n$LOAD\nModuleOnPanic proxy_lb_modul fail", &["3: no module `proxy_lb_modul` is loaded"]),
    (
        "Listen 80\n$LOAD\nModuleOnPanic mod_proxy_lb.c nothing",
        &["3: `nothing` is nothing that could come of a module's fault"],
    ),
    (
        "Listen 80\n<VirtualHost *:80>\nModuleOnPanic fail\n</VirtualHost>",
        &["3: `ModuleOnPanic` cannot stand inside `<VirtualHost>`"],
    ),
    // Logs.
    ("Listen 80\nLogLevel loud", &["2: `loud` is not a log level"]),
    ("Listen 80\nLogLevel warn proxy:loud", &["2: `loud` is not a log level"]),
    ("Listen 80\n$LOAD\nLogLevel proxy_l_module:debug", &["warning 3: no module `proxy_l_module` is loaded"]),
    (
        "Listen 80\nCustomLog \"|rotate\" common",
        &["2: `|rotate` is not a file: programs and syslog are not supported"],
    ),
    ("Listen 80\nCustomLog logs/a comon", &["2: no LogFormat is named `comon`"]),
    ("Listen 80\nLogFormat %h %x", &["2: `%x` cannot name a log format"]),
    // Paths and mappings.
    ("Listen 80\n<Location a>\n</Location>", &["2: `a` is not a path: it begins without a slash"]),
    (
        "Listen 80\n<Location /a/../b>\n</Location>",
        &["2: `/a/../b` can match no request: path holds a `.` or `..` segment"],
    ),
    (
        "Listen 80\nProxyPass \"/a b\" http://a",
        &["2: `/a b` can match no request: path holds a byte that must be percent-encoded"],
    ),
    (
        "Listen 80\nProxyPass /a?b http://a",
        &["2: `/a?b` is not a path: queries and fragments are not compared"],
    ),
    ("Listen 80\nProxyPass /a cluster1", &["2: `cluster1` is not an URL"]),
    (
        "Listen 80\nProxyPass /a https://a",
        &["2: 'https://a' asks for TLS, which this version does not speak: use http://"],
    ),
    ("Listen 80\nProxyPass /a http://a retry=5", &["2: ProxyPass has no parameter `retry`"]),
    ("Listen 80\nProxyPass /a http://a nocanon", &["2: ProxyPass has no parameter `nocanon`"]),
    (
        "Listen 80\nProxyPass /a balancer://",
        &["2: '' cannot name a cluster: use letters, digits, '-', '_' and '.'"],
    ),
    (
        "Listen 80\nProxyPass /a/ http://a/b",
        &["warning 2: '/a/' ends with a slash and '/b' does not: /a/x becomes /bx"],
    ),
    (
        "Listen 80\n<Location /a>\nProxyPass /a http://a\n</Location>",
        &["3: ProxyPass takes no path inside <Location>: the section's own is meant"],
    ),
    (
        "Listen 80\n<Location /a>\nProxyPass http://a\nProxyPass !\n</Location>",
        &["4: this <Location> has a mapping already"],
    ),
    (
        "Listen 80\n$LOAD\nLBProxyPass /a http://a",
        &["3: `http://a` is an URL where the name of a cluster is wanted"],
    ),
    (
        "Listen 80\n$LOAD\nLBProxyPass /a \"c/b c\"",
        &["3: the path of `c/b c` holds a character that must be percent-encoded"],
    ),
    ("Listen 80\nProxyPassReverse /a", &["2: ProxyPassReverse takes a path and an URL"]),
    ("Listen 80\nProxyPassReverseCookiePath /a", &["2: ProxyPassReverseCookiePath takes two arguments"]),
    (
        "Listen 80\nProxyPassReverseCookiePath /a b",
        &["2: `b` is not a path of cookies: begin it with a slash"],
    ),
    (
        "Listen 80\nProxyPassReverseCookiePath /a;Secure /b",
        &["2: `/a;Secure` is not a path of cookies: begin it with a slash"],
    ),
    (
        "Listen 80\nProxyPassReverseCookieDomain http://a b",
        &["2: `http://a` is not a domain of cookies: write a host name"],
    ),
    ("Listen 80\nProxyPassReverse /a b", &["2: `b` is not an URL"]),
    (
        "Listen 80\n<Location /a>\nProxyPassReverse /a http://b\n</Location>",
        &["3: ProxyPassReverse takes no path inside <Location>: the section's own is meant"],
    ),
    // Clusters.
    ("Listen 80\n<Proxy *>\n</Proxy>", &["2: `*` is not a cluster"]),
    ("Listen 80\n<Proxy balancer://c>\n</Proxy>", &["2: cluster 'c' has no BalancerMember"]),
    (
        "Listen 80\n<Proxy balancer://c>\nBalancerMember http://a\n</Proxy>\n\
         <Proxy balancer://c>\nBalancerMember http://b\n</Proxy>",
        &["5: cluster 'c' is declared twice"],
    ),
    (
        "Listen 80\n<Proxy balancer://c>\nBalancerMember http://a retry=1\n</Proxy>",
        &["3: BalancerMember has no parameter `retry`"],
    ),
    (
        "Listen 80\n<Proxy balancer://c>\nBalancerMember http://a loadfactor=0\n</Proxy>",
        &["3: `0` is not a whole number from 1 to 1000"],
    ),
    (
        "Listen 80\n<Proxy balancer://c>\nBalancerMember http://a\nBalancerMember http://a:80\n</Proxy>",
        &["4: cluster 'c' has the endpoint http://a:80 already: write it once"],
    ),
    ("Listen 80\n$LOAD\nLBMethod c proxy_bl_module", &["3: no module `proxy_bl_module` is loaded"]),
    (
        "Listen 80\n$LOAD\nLBMethod c proxy_lb_module\nLBMethod c mod_proxy_lb.c",
        &["4: cluster 'c' has an LBMethod already: proxy_lb_module"],
    ),
    // Modules.
    ("Listen 80\nLoadModule proxy_lb_module", &["2: LoadModule takes at least two arguments"]),
    ("Listen 80\nLoadModule mod_proxy_lb modules/x.so", &["2: `mod_proxy_lb` cannot be a module's ident"]),
    (
        "Listen 80\nLoadModule proxy_lb_module ../modules/x.so",
        &["2: `../modules/x.so` is not a file below ServerRoot"],
    ),
    ("Listen 80\nLoadModule proxy_lb_module lib/x.so", &["2: /srv/lib/x.so: no such file"]),
    (
        "Listen 80\nLoadModule proxy_lb_module lib/x.so\nLBServerCluster c http://a\nLBProxyPass / c",
        &[
            "2: /srv/lib/x.so: no such file",
            "2: 2 directives after it were not recognised, maybe for want of that module",
        ],
    ),
    (
        "Lisen 80\nListen 80\nLoadModule proxy_lb_module /lib/x.so\nLBProxyPass / c\nExecutors no",
        &[
            "3: /lib/x.so: no such file",
            "1: Invalid command 'Lisen'",
            "5: `no` is not a whole number from 1 to 1024",
            "3: 1 directive after it was not recognised, maybe for want of that module",
        ],
    ),
    (
        "Listen 80\n$LOAD \\\nsha256=0000000000000000000000000000000000000000000000000000000000000000",
        &["warning 2: /srv/modules/mod_proxy_lb.so: beware"],
    ),
    (
        "Listen 80\n$LOAD \\\nsha256=1111111111111111111111111111111111111111111111111111111111111111",
        &["3: /srv/modules/mod_proxy_lb.so: has another sum"],
    ),
    ("Listen 80\n$LOAD sha256=12", &["2: sha256 takes 64 hexadecimal digits, these are 2"]),
    ("Listen 80\n$LOAD sha512=12", &["2: LoadModule has no key `sha512`"]),
    ("Listen 80\n$LOAD more", &["2: `more` is one argument too many for LoadModule"]),
    (
        "Listen 80\n$LOAD sha256=0000000000000000000000000000000000000000000000000000000000000000 \\\n sha256=0000000000000000000000000000000000000000000000000000000000000000",
        &["3: sha256 is given twice"],
    ),
    ("Listen 80\n$LOAD\n$LOAD", &["warning 3: module proxy_lb_module is loaded already, skipping"]),
    (
        "Listen 80\nLoadModule built_in_module modules/x.so",
        &["warning 2: module built_in_module is built in, skipping"],
    ),
    (
        "Listen 80\nLoadModule proxy_lb_module modules/x.so\nLoadModule plain_module ./modules/x.so",
        &["warning 3: /srv/modules/x.so was loaded already, as proxy_lb_module"],
    ),
    (
        "Listen 80\n$LOAD\nLoadModule rival_module modules/rival.so",
        &["3: rival_module brings the directive `lbproxypass`, which proxy_lb_module owns"],
    ),
    (
        "Listen 80\nLoadModule thief_module modules/thief.so",
        &["2: thief_module brings the directive `listen`, which is the server's own"],
    ),
    (
        "Listen 80\nLoadModule future_module modules/future.so",
        &[
            "2: directive `Future` of future_module takes arguments of a kind (99) that this server does not know",
        ],
    ),
    ("Listen 80\nServerRoot /other\nLoadModule gone_module lib/x.so", &["3: /other/lib/x.so: no such file"]),
];

/// The first line of a message, without what all have in common.
fn first_line(printed: &str) -> String {
    let first = printed.lines().next().unwrap_or_default();
    let line = |rest: &str| rest.replacen(" of /srv/conf/proxyd.conf", "", 1);
    if let Some(rest) = first.strip_prefix("proxyd: Syntax error on line ") {
        return line(rest);
    }
    match first.strip_prefix("proxyd: Warning on line ") {
        Some(rest) => format!("warning {}", line(rest)),
        None => first.trim_start_matches("proxyd: ").to_owned(),
    }
}

#[test]
fn each_fault_is_said_exactly_and_alone() {
    for (text, expected) in CASES {
        let text = text.replace("$LOAD", LOAD);
        let found: Vec<_> = printed(&from_conf(&text)).iter().map(|text| first_line(text)).collect();
        assert_eq!(found, *expected, "of:\n{text}");
    }
}

#[test]
fn the_next_step_is_named() {
    for (text, expected) in [
        ("Lisen 80", "help: did you mean `Listen`?"),
        (
            "LBServerCluster c http://a",
            "help: `LBServerCluster` is of proxy_lb_module: load it above, \
             `LoadModule proxy_lb_module modules/mod_proxy_lb.so`",
        ),
        ("$LOAD\nLBServerCluser c http://a", "help: did you mean `LBServerCluster`?"),
        ("<Directory /x>\n</Directory>", "misspelled, or of a module that is not loaded; `-L` lists all"),
        ("ProxyTimeout", "help: ProxyTimeout: how long an endpoint may be silent"),
        ("Executors 1 2", "help: Executors: how many threads serve"),
        ("<Location /a>\nExecutors 1\n</Location>", "help: it may stand in the server's configuration"),
        ("<Location /a>\nExecutors 1\n</Location>", "note: `<Location>` is opened here"),
        ("$LOAD\nLBProxyPass /a", "help: LBProxyPass: what LBProxyPass is for"),
        ("$LOAD\nLBMethod c proxy_bl_module", "help: did you mean `proxy_lb_module`?"),
        ("CustomLog logs/a comon", "help: did you mean `common`?"),
        ("ProxyPass /a cluster1", "help: write http://host[:port], or for a cluster balancer://cluster1"),
        ("ProxyPass /a http://a timeout=5", "help: write `ProxyTimeout` on a line of its own"),
        ("$LOAD\n$LOAD", "note: it was loaded here"),
        ("Listen 80\nListen 80", "note: the first is here"),
    ] {
        let text = text.replace("$LOAD", LOAD);
        let found = printed(&from_conf(&text)).join("\n");
        assert!(found.contains(expected), "`{expected}` is not in:\n{found}");
    }
}

#[test]
fn a_missing_file_is_all_that_is_said() {
    let files = proxy_config::MemoryLoader::default().with("/srv/x", "");
    struct None;
    impl LoadModules for None {
        fn load(&self, _: &ModuleFile) -> Result<LoadedCode, NotLoaded> {
            Err(NotLoaded::File("not here".to_owned()))
        }
    }
    let input = proxy_config::Input::new("/srv/conf/proxyd.conf", "/srv");
    let configured = crate::lower::configure(&input, &files, &None, Vec::new());
    assert_eq!(configured.diagnostics.len(), 1, "{:?}", printed(&configured));
}
