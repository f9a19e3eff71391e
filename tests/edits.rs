//! What modules change of requests and responses on their way, by the real modules that do so.

use crate::support::client::Client;
use crate::support::config::{Syntax, lb_line, load_line as load};
use crate::support::modules;
use crate::support::origin::{Origin, Then};
use crate::support::server::{Server, Setup};

fn server(ident: &str, package: &str, lines: &str, origin: &Origin) -> Server {
    let load = load(ident, &modules::rust(package));
    Server::conf(&format!(
        "{load}{lines}ProxyPass / {}/\nProxyPassReverse / {}/\n",
        origin.url(),
        origin.url()
    ))
}

fn values<'a>(fields: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let found = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn request_fields_are_set_added_and_removed() {
    let origin = Origin::named("ok");
    let lines = "RequestHeader set X-Set \"a b\"\nRequestHeader add x-add 2\nRequestHeader unset Cookie\n\
                 RequestHeader set X-New 1\nRequestHeader unset X-New\n";
    let server = server("headers_module", "mod-headers", lines, &origin);
    let mut client = Client::connect(server.addr());
    client.send(
        b"GET / HTTP/1.1\r\nHost: h\r\nX-SET: old\r\nX-Add: 1\r\nx-set: older\r\nCookie: a\r\n\
          X-New: 0\r\nX-Stays: s\r\n\r\n",
    );
    assert_eq!(client.response().status, 200);
    let seen = origin.only_request();
    assert_eq!(seen.fields("X-Set"), ["a b"]);
    assert_eq!(seen.fields("X-Add"), ["1", "2"]);
    assert_eq!((seen.fields("Cookie").len(), seen.fields("X-New").len()), (0, 0));
    assert_eq!(seen.field("X-Stays"), Some("s"));
}

#[test]
fn a_field_that_the_client_calls_hop_by_hop_is_set_all_the_same() {
    let origin = Origin::named("ok");
    let server = server("headers_module", "mod-headers", "RequestHeader set X-User proxy\n", &origin);
    let mut client = Client::connect(server.addr());
    client.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: X-User\r\nX-User: mallory\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(origin.only_request().fields("X-User"), ["proxy"]);
}

#[test]
fn response_fields_are_set_added_and_removed() {
    let answer = b"HTTP/1.1 200 OK\r\nServer: old\r\nSet-Cookie: a\r\nset-cookie: b\r\nVary: x\r\n\
                   Location: /here\r\nContent-Length: 2\r\n\r\nok";
    let origin = Origin::saying(answer, Then::Keep);
    let lines = "Header set Server proxyd\nHeader unset Set-Cookie\nHeader add Vary y\nHeader unset Date\n";
    let server = server("headers_module", "mod-headers", lines, &origin);
    let mut client = Client::connect(server.addr());
    // Twice on one connection: nothing of the first is left for the second.
    for _ in 0..2 {
        client.send_get("/");
        let response = client.response();
        assert_eq!((response.status, response.complete), (200, true));
        assert_eq!(values(&response.fields, "Server"), ["proxyd"]);
        assert_eq!(values(&response.fields, "Vary"), ["x", "y"]);
        assert_eq!(response.field("Set-Cookie"), None);
        assert_eq!(response.field("Date"), None);
        assert_eq!(response.text(), "ok");
    }
}

#[test]
fn what_a_header_line_may_not_say_is_refused_at_the_start() {
    let headers = load("headers_module", &modules::rust("mod-headers"));
    for (line, why) in [
        ("RequestHeader set Host evil", "the server alone writes it"),
        ("Header unset Content-Length", "the server alone writes it"),
        ("RequestHeader add Transfer_Encoding chunked", "the server alone writes it"),
        ("Header set \"A: b\" c", "made of letters"),
        ("Header append A b", "none of set"),
        ("RequestHeader set A", "is missing"),
    ] {
        let setup = Setup::new(Syntax::Conf, &format!("{headers}{line}\nProxyPass / http://127.0.0.1:1/\n"));
        let run = setup.check(&["-t"]);
        assert_eq!(run.code, Some(1), "{line}: {run:?}");
        assert!(run.stderr.contains(why), "{line}: {}", run.stderr);
    }
}

#[test]
fn clients_outside_of_allowed_networks_get_403() {
    let origin = Origin::named("ok");
    let refusing = server("allow_module", "mod-allow", "AllowFrom 192.0.2.0/24 2001:db8::/32\n", &origin);
    assert_eq!((refusing.get("/").status, origin.count()), (403, 0));
    let lines = "AllowFrom 192.0.2.0/24\nAllowFrom 127.0.0.0/8 ::1\n";
    let serving = server("allow_module", "mod-allow", lines, &origin);
    assert_eq!((serving.get("/").status, origin.count()), (200, 1));
}

#[test]
fn a_response_says_who_answered() {
    let origin =
        Origin::saying(b"HTTP/1.1 200 OK\r\nX-Picked-By: me\r\nContent-Length: 0\r\n\r\n", Then::Keep);
    let server = server("pick_header_module", "mod-pick-header", "", &origin);
    let response = server.get("/");
    let said = response.field("X-Picked-By").expect("the field is there").to_owned();
    assert!(said.contains(&format!(" {} id=", origin.addr())) && said.ends_with(" tries=1"), "{said}");
}

#[test]
fn the_field_that_says_who_answered_counts_tries() {
    let (up, mut down) = (Origin::named("up"), Origin::named("down"));
    down.stop();
    let conf = format!(
        "{}{}PickHeader X-Who\nLBServerCluster c {}\nLBServerCluster c {}\nLBProxyPass / c\n",
        lb_line(Syntax::Conf) + "\n",
        load("pick_header_module", &modules::rust("mod-pick-header")),
        down.url(),
        up.url()
    );
    let server = Server::conf(&conf);
    let said = server.get("/").field("X-Who").expect("the field is there").to_owned();
    assert!(said.starts_with(&format!("c {} id=", up.addr())) && said.ends_with(" tries=2"), "{said}");
}

#[test]
fn a_module_in_c_changes_fields_and_reads_notes() {
    let origin = Origin::named("ok");
    let module = modules::c("tests/data/edits.c", &[]);
    let mut server =
        Server::conf(&format!("{}ProxyPass / {}/\n", load("edits_module", &module), origin.url()));
    let mut client = Client::connect(server.addr());
    client.send(b"GET /noted HTTP/1.1\r\nHost: h\r\nX-Gone: 1\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.field("X-C")), (200, Some("c")));
    let seen = origin.only_request();
    assert_eq!(
        (seen.field("X-Noted"), seen.field("X-Gone"), seen.field("X-Early")),
        (Some("/noted"), None, None)
    );
    for (path, why) in [
        ("/smuggle", "field 'Transfer-Encoding' cannot be changed: this field frames or routes"),
        ("/inject", "field 'X-C' cannot be changed: the value of a field holds no control character"),
    ] {
        assert_eq!((server.get(path).status, origin.count()), (500, 1), "{path}");
        server.wait_for_log(why);
    }
}
