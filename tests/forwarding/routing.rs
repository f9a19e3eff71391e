//! Which endpoint a request goes to.

use crate::support::client::Client;
use crate::support::config::{Balanced, Syntax};
use crate::support::origin::Origin;
use crate::support::server::Server;

#[test]
fn virtual_hosts_and_locations_choose_the_endpoint() {
    let origins = ["main", "a", "b", "location"].map(Origin::named);
    let [main, a, b, location] = origins.each_ref().map(Origin::url);
    let server = Server::conf(&format!(
        "ServerName main.example
ProxyPass /everywhere {main}/
<VirtualHost *:*>
ServerName a.example
ServerAlias *.a.example
ProxyPass /x {b}/
ProxyPass / {a}/
<Location /x/in>
ProxyPass {location}/
</Location>
</VirtualHost>
<VirtualHost *:*>
ServerName b.example
ProxyPass / {b}/
</VirtualHost>
"
    ));
    for (host, target, expected) in [
        ("a.example", "/", "a"),
        ("A.Example:8080", "/", "a"),
        ("www.a.example", "/", "a"),
        ("b.example", "/", "b"),
        ("unknown.example", "/", "a"),
        ("a.example", "/x", "b"),
        ("a.example", "/x/in/y", "location"),
        ("a.example", "/x/inn", "b"),
        ("a.example", "/everywhere", "main"),
        ("b.example", "/everywhere", "main"),
    ] {
        let response =
            server.send(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(response.text(), expected, "{host}{target}");
    }
}

#[test]
fn a_run_of_slashes_is_one_where_a_path_is_compared_and_goes_on_as_it_came() {
    let origin = Origin::named("ok");
    let url = origin.url();
    let server = Server::conf(&format!(
        "{{lb}}\nLBServerCluster c {url}\nLBProxyPass /kept c\n\
         ProxyPass /a/b/not !\nProxyPass /a/b {url}/c\nProxyPass /dir/ {url}/d/\nProxyPass /doubled//x {url}/e\n\
         <Location /a/b/small>\nLimitRequestBody 1\n</Location>\n"
    ));
    for (target, expected) in [
        ("/a//b", "/c"),
        ("/a//b///x", "/c///x"),
        ("/a//%62//x%2F//y?p=//", "/c//x%2F//y?p=//"),
        ("/a///b/nothing", "/c/nothing"),
        ("/dir///x//", "/d/x//"),
        ("/doubled/x/y", "/e/y"),
        ("/doubled///x/y", "/e/y"),
        ("/kept//x///", "/kept//x///"),
    ] {
        assert_eq!(server.get(target).status, 200, "{target}");
        assert_eq!(origin.requests().last().unwrap().target(), expected, "{target}");
    }
    let before = origin.count();
    for target in ["/a//b//not", "/a/b///not//x", "/a%2F/b"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
    assert_eq!(server.post("/a/b//small", b"ab").status, 413);
    assert_eq!(origin.count(), before);
}

#[test]
fn a_location_overrides_what_its_server_says() {
    let origin = Origin::named("ok");
    let url = origin.url();
    let server = Server::conf(&format!(
        "ProxyPreserveHost On\n<Location /own>\nProxyPreserveHost Off\n</Location>\nProxyPass / {url}/\n"
    ));
    server.get("/own/x");
    server.get("/other");
    let hosts: Vec<String> =
        origin.requests().iter().map(|seen| seen.field("Host").unwrap_or_default().to_owned()).collect();
    assert_eq!(hosts, [origin.addr().to_string(), "test.example".to_owned()]);
}

#[test]
fn a_cluster_of_the_core_is_served_by_the_balancer_that_lbmethod_names() {
    let origins = ["0", "1"].map(Origin::named);
    let [one, two] = origins.each_ref().map(Origin::url);
    let server = Server::conf(&format!(
        "{{lb}}\n<Proxy balancer://c>\nBalancerMember {one}\nBalancerMember {two}\n</Proxy>\n\
         LBMethod c proxy_lb_module\nProxyPass /app balancer://c/inner\n"
    ));
    let answers: String = (0..4).map(|_| server.get("/app/x").text()).collect();
    assert_eq!(answers, "0101");
    assert_eq!(origins[0].requests()[0].target(), "/inner/x");
}

#[test]
fn the_same_routes_hold_inside_a_virtual_host() {
    let origin = Origin::named("0");
    let url = origin.url();
    let server = Server::conf(&format!(
        "{{lb}}\nLBServerCluster c {url}\n<VirtualHost *:*>\nServerName a.example\nLBProxyPass /in c\n</VirtualHost>\n"
    ));
    assert_eq!(server.get("/in").status, 200);
    assert_eq!(server.get("/out").status, 404);
}

#[test]
fn two_listen_lines_open_two_ports() {
    let origin = Origin::named("ok");
    let config = Balanced::snoop([origin.url()]);
    let text = format!("Listen 127.0.0.1:0\n{}", config.text(Syntax::Conf));
    let server = Server::conf(&text);
    let addrs = server.addrs();
    assert_eq!(addrs.len(), 2, "{addrs:?}");
    for addr in addrs {
        let mut client = Client::connect(addr);
        client.send_get("/snoop");
        assert_eq!(client.response().text(), "ok", "{addr}");
    }
}
