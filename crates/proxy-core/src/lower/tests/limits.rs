//! What clients may take: values, whose they are, and what is said of bad ones.

use std::time::Duration;

use super::fake::{from_conf, from_file, printed, sound};
use crate::conf::{ServerConf, VirtualServer};
use crate::limits::{ClientLimits, Pace};

fn conf(text: &str) -> ServerConf {
    sound(&format!("Listen 127.0.0.1:8080\n{text}")).conf
}

fn main_server(text: &str) -> VirtualServer {
    conf(text).servers.swap_remove(0)
}

const ALL: &str = "LimitRequestLine 100\nLimitRequestFieldSize 200\nLimitRequestFields 30\nLimitRequestBody 4000\n\
    RequestReadTimeout header=20-40,MinRate=500 body=5\nResponseWriteTimeout 7,minrate=8\nTimeout 9\nKeepAlive Off\n\
    KeepAliveTimeout 1500ms\nMaxKeepAliveRequests 10\n";

fn all() -> ClientLimits {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    ClientLimits {
        line: 100,
        field: 200,
        fields: 30,
        header: Pace { most: seconds(40), min_rate: Some(500), ..Pace::seconds(20) },
        body: Pace::seconds(5),
        response: Pace { min_rate: Some(8), ..Pace::seconds(7) },
        timeout: Duration::from_secs(9),
        keep_alive: false,
        keep_alive_timeout: Duration::from_millis(1500),
        keep_alive_requests: Some(10),
    }
}

#[test]
fn each_directive_sets_its_limit() {
    let server = main_server(ALL);
    assert_eq!(server.client, all());
    assert_eq!((server.proxy.body_limit, server.proxy.timeout), (Some(4000), Duration::from_secs(9)));
    assert_eq!(conf("MaxConnections 5").max_connections, Some(5));
    assert_eq!(conf("OverloadDelay 50ms").overload_delay, Some(Duration::from_millis(50)));
    assert_eq!(conf("OverloadDelay off").overload_delay, None);
}

#[test]
fn who_says_nothing_gets_the_defaults() {
    let server = main_server("");
    assert_eq!(server.client, ClientLimits::default());
    assert_eq!((server.proxy.body_limit, server.proxy.timeout), (Some(1 << 30), Duration::from_secs(60)));
    assert_eq!(conf("").max_connections, None);
    assert_eq!(conf("").overload_delay, Some(Duration::from_millis(200)));
}

#[test]
fn zero_means_no_limit_where_it_does_in_httpd() {
    let server = main_server(
        "LimitRequestFields 0\nLimitRequestBody 0\nMaxKeepAliveRequests 0\nRequestReadTimeout header=0 body=0\n\
         ResponseWriteTimeout 0",
    );
    let client = server.client;
    assert_eq!((client.fields, client.keep_alive_requests, server.proxy.body_limit), (128, None, None));
    assert_eq!([client.header, client.body, client.response].map(|pace| pace.allows(9)), [u64::MAX; 3]);
    let open = Pace { most: None, min_rate: Some(1), ..Pace::seconds(20) };
    assert_eq!(main_server("RequestReadTimeout header=20-0,MinRate=1").client.header, open);
}

#[test]
fn a_virtual_host_inherits_and_overrides() {
    let conf = conf(&format!(
        "<VirtualHost *:8080>\nServerName a\n</VirtualHost>\n<VirtualHost *:8080>\nServerName b\nTimeout 3\n\
         RequestReadTimeout body=1\nLimitRequestLine 50\n<Location /small>\nLimitRequestBody 1\n</Location>\n\
         </VirtualHost>\n<VirtualHost *:8080>\nServerName c\nTimeout 3\nProxyTimeout 4\n</VirtualHost>\n{ALL}"
    ));
    let [_, a, b, c] = &conf.servers[..] else { panic!("{} servers", conf.servers.len()) };
    assert_eq!(a.client, all());
    let own = ClientLimits { line: 50, body: Pace::seconds(1), timeout: Duration::from_secs(3), ..all() };
    assert_eq!(b.client, own);
    let silence = [a, b, c].map(|server| server.proxy.timeout.as_secs());
    assert_eq!(silence, [9, 3, 4], "ProxyTimeout is Timeout where nobody says otherwise");
    assert_eq!(b.proxy.body_limit, Some(4000));
    assert_eq!(b.locations[0].proxy.over(&b.proxy).body_limit, Some(1));
}

#[test]
fn proxy_timeout_of_the_main_server_counts_more_than_a_hosts_timeout() {
    let conf = conf("ProxyTimeout 8\n<VirtualHost *:8080>\nTimeout 3\n</VirtualHost>");
    assert_eq!(conf.servers[1].proxy.timeout, Duration::from_secs(8));
}

#[test]
fn the_same_in_toml() {
    let toml = from_file(
        "/srv/conf/proxyd.toml",
        r#"
        Listen = "127.0.0.1:8080"
        LimitRequestLine = 100
        LimitRequestFieldSize = 200
        LimitRequestFields = 30
        LimitRequestBody = 4000
        RequestReadTimeout = ["header=20-40,MinRate=500", "body=5"]
        ResponseWriteTimeout = "7,minrate=8"
        Timeout = 9
        KeepAlive = false
        KeepAliveTimeout = "1500ms"
        MaxKeepAliveRequests = 10
        MaxConnections = 5
        "#,
    );
    assert!(toml.diagnostics.is_empty(), "{}", printed(&toml).join("\n"));
    assert_eq!((&toml.conf.servers[0].client, toml.conf.max_connections), (&all(), Some(5)));
}

/// Lines, and what is said of them.
const BAD: &[(&str, &str)] = &[
    ("LimitRequestLine -1", "LimitRequestLine \"-1\" must be a non-negative integer"),
    ("LimitRequestLine 8k", "LimitRequestLine \"8k\" must be a non-negative integer"),
    ("LimitRequestLine 0", "LimitRequestLine \"0\" is out of range: 1 to 131072 bytes"),
    ("LimitRequestLine 131073", "LimitRequestLine \"131073\" is out of range: 1 to 131072 bytes"),
    ("LimitRequestLine", "LimitRequestLine takes one argument"),
    ("LimitRequestFieldSize x", "LimitRequestFieldSize \"x\" must be a non-negative integer"),
    ("limitrequestfieldsize 200000", "limitrequestfieldsize \"200000\" is out of range: 1 to 131072 bytes"),
    ("LimitRequestFields -5", "LimitRequestFields \"-5\" must be a non-negative integer (0 = no limit)"),
    ("LimitRequestFields 129", "LimitRequestFields \"129\" is out of range: at most 128"),
    ("LimitRequestBody -1", "LimitRequestBody requires a non-negative integer"),
    ("LimitRequestBody 1G", "LimitRequestBody requires a non-negative integer"),
    ("Timeout soon", "`soon` is not a duration"),
    ("Timeout 0", "`0` is less than 1ms"),
    ("KeepAlive 5", "KeepAlive must be On or Off"),
    ("KeepAliveTimeout 5x", "`5x` is not a duration"),
    ("KeepAliveTimeout 0", "`0` is less than 1ms"),
    ("MaxKeepAliveRequests -1", "`-1` is not a whole number from 0 to 4294967295"),
    ("MaxConnections 0", "`0` is not a whole number from 1 to 10000000"),
    ("OverloadDelay 0", "`0` is less than 1ms"),
    ("OverloadDelay on", "`on` is not a duration"),
    ("RequestReadTimeout", "RequestReadTimeout requires at least one argument"),
    ("RequestReadTimeout 10", "Invalid RequestReadTimeout parameter. Parameter must be in form 'key=value'"),
    ("RequestReadTimeout head=10", "RequestReadTimeout: head=10: Unknown RequestReadTimeout parameter"),
    ("RequestReadTimeout header=x", "RequestReadTimeout: header=x: Value 'x' not numerical"),
    ("RequestReadTimeout header=", "RequestReadTimeout: header=: Value '' not numerical"),
    ("RequestReadTimeout header=10s", "RequestReadTimeout: header=10s: Cannot parse '10s'"),
    (
        "RequestReadTimeout header=10-20",
        "RequestReadTimeout: header=10-20: Must set MinRate option if using timeout range",
    ),
    (
        "RequestReadTimeout body=10,MinRate=0",
        "RequestReadTimeout: body=10,MinRate=0: Minimum data rate must be larger than 0",
    ),
    (
        "RequestReadTimeout body=20-20,MinRate=5",
        "RequestReadTimeout: body=20-20,MinRate=5: Maximum timeout must be larger than initial timeout",
    ),
    ("RequestReadTimeout body=20 header=y", "RequestReadTimeout: header=y: Value 'y' not numerical"),
    ("ResponseWriteTimeout 1-2", "ResponseWriteTimeout: 1-2: Must set MinRate option if using timeout range"),
    ("ResponseWriteTimeout never", "ResponseWriteTimeout: never: Value 'never' not numerical"),
    ("<Location /a>\nTimeout 5\n</Location>", "`Timeout` cannot stand inside `<Location>`"),
    (
        "<VirtualHost *:80>\nMaxConnections 5\n</VirtualHost>",
        "`MaxConnections` cannot stand inside `<VirtualHost>`",
    ),
];

#[test]
fn bad_values_are_named() {
    for (line, said) in BAD {
        let configured = from_conf(&format!("Listen 80\n{line}\n"));
        let printed = printed(&configured);
        assert_eq!(printed.len(), 1, "{line}: {printed:?}");
        let first = printed[0].lines().next().unwrap();
        assert!(first.ends_with(&format!("of /srv/conf/proxyd.conf: {said}")), "{line}: {first}");
    }
}

#[test]
fn a_handshake_is_checked_and_has_no_effect() {
    let configured = from_conf("Listen 80\nRequestReadTimeout handshake=5 body=1");
    let printed = printed(&configured);
    assert_eq!(printed.len(), 1);
    assert!(printed[0].contains("`handshake=` has no effect: this server speaks no TLS yet"), "{printed:?}");
    assert!(!configured.diagnostics.has_errors());
    assert_eq!(configured.conf.servers[0].client.body, Pace::seconds(1));
}
