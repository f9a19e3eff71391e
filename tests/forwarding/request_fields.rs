//! The request line and fields that an endpoint gets.

use super::{passed_on, server};
use crate::support::origin::Origin;

#[test]
fn the_host_is_the_endpoints_own_unless_it_is_preserved() {
    let origin = Origin::named("ok");
    let request = "GET / HTTP/1.1\r\nHost: front.example\r\n\r\n";
    server(&origin, "").send(request);
    server(&origin, "ProxyPreserveHost On").send(request);
    let hosts: Vec<String> =
        origin.requests().iter().map(|seen| seen.field("Host").unwrap_or_default().to_owned()).collect();
    assert_eq!(hosts, [origin.addr().to_string(), "front.example".to_owned()]);
}

#[test]
fn the_endpoint_is_told_of_the_client_in_fields_that_clients_cannot_forge() {
    let request = "GET / HTTP/1.1\r\nHost: front.example:81\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\
                   X-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nConnection: X-Forwarded-For\r\n\r\n";
    let seen = passed_on("ServerName proxy.example", request);
    assert_eq!(seen.fields("X-Forwarded-For"), ["127.0.0.1"]);
    assert_eq!(seen.fields("X-Forwarded-Host"), ["front.example:81"]);
    assert_eq!(seen.fields("X-Forwarded-Proto"), ["http"]);
    assert!(!seen.head.contains("6.6.6.6"), "{}", seen.head);
}

#[test]
fn proxyaddheaders_off_adds_none() {
    let seen = passed_on("ProxyAddHeaders Off", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!seen.head.contains("X-Forwarded"), "{}", seen.head);
}

#[test]
fn fields_of_the_hop_stay_on_it() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Named\r\nX-Named: 1\r\nKeep-Alive: 5\r\n\
                   Proxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: h2c\r\nX-Kept: yes\r\n\r\n";
    let seen = passed_on("", request);
    for name in ["X-Named", "Keep-Alive", "Proxy-Connection", "TE", "Upgrade"] {
        assert!(seen.fields(name).is_empty(), "{name}:\n{}", seen.head);
    }
    assert_eq!(seen.fields("X-Kept"), ["yes"]);
}

#[test]
fn other_fields_go_on_in_order_with_their_spelling() {
    let seen = passed_on(
        "ProxyAddHeaders Off",
        "GET / HTTP/1.1\r\nHost: a\r\nx-ONE: 1\r\nCookie: a=b; c=d\r\nX-Two:\t two words \r\nx-one: again\r\nX-Empty:\r\n\r\n",
    );
    let lines: Vec<&str> =
        seen.head.split("\r\n").filter(|line| line.to_ascii_lowercase().starts_with("x-")).collect();
    assert_eq!(lines, ["x-ONE: 1", "X-Two: two words", "x-one: again", "X-Empty: "]);
    assert_eq!(seen.field("Cookie"), Some("a=b; c=d"));
}

#[test]
fn via_is_written_kept_or_blocked_as_configured() {
    let via = |lines: &str| {
        let request = "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 far\r\n\r\n";
        passed_on(&format!("ServerName proxy.example\n{lines}"), request).fields("Via").join(", ")
    };
    assert_eq!(via(""), "1.0 far");
    assert_eq!(via("ProxyVia Off"), "1.0 far");
    assert!(via("ProxyVia On").starts_with("1.0 far, 1.1 proxy.example"), "{}", via("ProxyVia On"));
    assert!(via("ProxyVia Full").starts_with("1.0 far, 1.1 proxy.example"), "{}", via("ProxyVia Full"));
    assert!(via("ProxyVia Full").contains("proxyd/"), "{}", via("ProxyVia Full"));
    assert_eq!(via("ProxyVia Block"), "");
}

#[test]
fn a_target_in_absolute_form_goes_on_in_origin_form() {
    let seen = passed_on("", "GET http://a.example/x?y=1 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(seen.line(), "GET /x?y=1 HTTP/1.1");
}

#[test]
fn a_client_of_http_1_0_is_served_and_the_endpoint_gets_1_1() {
    let origin = Origin::named("ok");
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!(
        (response.version.as_str(), response.status, response.text().as_str()),
        ("HTTP/1.1", 200, "ok")
    );
    assert!(client.is_closed(), "1.0 without keep-alive");
    assert_eq!(origin.only_request().line(), "GET / HTTP/1.1");
}
