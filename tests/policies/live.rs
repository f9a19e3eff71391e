//! The same module files in the real server, over real sockets.

use std::io::Write;

use crate::support::client::Client;
use crate::support::origin::{Origin, Then, ok, total};
use crate::support::policy::Policy;
use crate::support::ports::Refused;
use crate::support::server::Server;
use crate::support::wait::until_true;

/// The cluster `c` of these URLs under `policy`, with further lines.
fn server(policy: &Policy, urls: &[String], lines: &str) -> Server {
    let members: String = urls.iter().map(|url| format!("BalancerMember {url}\n")).collect();
    let (load, ident) = (policy.load_line(), policy.ident);
    Server::conf(&format!(
        "{load}<Proxy balancer://c>\n{members}</Proxy>\nLBMethod c {ident}\nProxyPass / balancer://c\n{lines}"
    ))
}

/// Answers its name, but to `/hang` nothing at all.
fn origin(name: &str) -> Origin {
    let answer = ok(name.as_bytes());
    Origin::answering(move |seen, stream| {
        if seen.target() == "/hang" {
            return Ok(Then::Hang);
        }
        stream.write_all(&answer)?;
        Ok(Then::Keep)
    })
}

/// A request may still count for a moment after its client has the answer, so the busy one gets a few; by plain
/// drawing or in turns it would get 30. There is one executor, so that all of them are chosen with the one that hangs in
/// sight. That it gets nothing where nothing else is in flight is tested without sockets.
#[test]
fn the_busy_one_of_two_endpoints_is_spared() {
    for policy in [Policy::p2c(), Policy::least(), Policy::least_c()] {
        let origins = [origin("a"), origin("b")];
        let server = server(&policy, &origins.each_ref().map(Origin::url), "Executors 1\n");
        let mut hanging = server.client();
        hanging.send_get("/hang");
        until_true("the request that hangs", || total(&origins.each_ref()) == 1);
        let busy = origins.iter().find(|origin| origin.count() == 1).unwrap();
        for _ in 0..60 {
            assert_eq!(server.get("/").status, 200);
        }
        assert!(busy.count() <= 1 + 15, "{}: {}", policy.ident, busy.count());
    }
}

#[test]
fn no_request_fails_while_one_endpoint_is_left() {
    for policy in Policy::all() {
        let (refused, origin) = ([Refused::new(), Refused::new()], Origin::named("alive"));
        let urls = [refused[0].url(), origin.url(), refused[1].url()];
        let server = server(&policy, &urls, "");
        for number in 0..20 {
            assert_eq!(server.get(&format!("/{number}")).status, 200, "{}", policy.ident);
        }
        assert_eq!(origin.count(), 20);
    }
}

/// Who answers each of 60 keys.
fn homes(server: &Server) -> Vec<String> {
    let home = |number| {
        let answer = server.get(&format!("/key/{number}"));
        assert_eq!(answer.status, 200);
        answer.text()
    };
    (0..60).map(home).collect()
}

#[test]
fn keys_stay_where_they_are_while_another_endpoint_is_gone() {
    let mut origins = ["a", "b", "c", "d"].map(Origin::named);
    let server = server(&Policy::ketama(), &origins.each_ref().map(Origin::url), "");
    let before = homes(&server);
    assert_eq!(homes(&server), before);
    origins[1].stop();
    let after = homes(&server);
    for (before, after) in before.iter().zip(&after) {
        assert!(if before == "b" { after != "b" } else { after == before }, "{before} became {after}");
    }
    assert!(before.iter().any(|home| home == "b"), "{before:?}");
}

#[test]
fn the_key_is_what_lbhashkey_says() {
    let origins = ["a", "b", "c", "d"].map(Origin::named);
    let server = server(&Policy::ketama(), &origins.each_ref().map(Origin::url), "LBHashKey c cookie:user\n");
    let home = |client: &mut Client, user: &str, target: &str| {
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: h\r\nCookie: x=1; user={user}\r\n\r\n").as_bytes());
        client.response().text()
    };
    let mut client = server.client();
    let homes: Vec<String> = (0..40)
        .map(|user| {
            let user = format!("user-{user}");
            let first = home(&mut client, &user, "/");
            for number in 0..3 {
                assert_eq!(home(&mut client, &user, &format!("/{number}")), first, "{user}");
            }
            first
        })
        .collect();
    let without: Vec<String> = (0..40).map(|number| server.get(&format!("/{number}")).text()).collect();
    for name in ["a", "b", "c", "d"] {
        assert!(homes.iter().any(|home| home == name), "no user is at home at {name}: {homes:?}");
        assert!(without.iter().any(|home| home == name), "no target is at home at {name}: {without:?}");
    }
}
