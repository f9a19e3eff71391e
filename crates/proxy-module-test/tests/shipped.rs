//! The balancers that ship, seen through the kit: the conformance of each, and the round robin call by call.

use std::time::Duration;

use mod_proxy_lb::proxy_lb_module;
use proxy_module_test::{FailureKind, Host, conforms};

conforms!(proxy_lb_module);

mod least {
    proxy_module_test::conforms!(mod_lb_least::lb_least_module);
}

mod p2c {
    proxy_module_test::conforms!(mod_lb_p2c::lb_p2c_module);
}

mod ketama {
    proxy_module_test::conforms!(mod_lb_ketama::lb_ketama_module);
}

mod geo {
    proxy_module_test::conforms!(mod_lb_geo::lb_geo_module);
}

const CONFIG: &str = "
    # two clusters, as in the server
    LBServerCluster a http://a1:1 http://a2:1
    lbservercluster a \"http://a3:1\"
    LBServerCluster b http://b1:1
    LBProxyPass /x a";

#[test]
fn clusters_come_from_the_modules_own_directives() {
    let host = Host::of(&proxy_lb_module).config(CONFIG).start();
    assert_eq!(host.picks(7), [3, 2, 2]);
    assert_eq!(host.request_of("b", "/").begin().next(), Some(0));
}

#[test]
fn configuration_is_refused_as_in_the_server() {
    let refused = |lines: &str| Host::of(&proxy_lb_module).config(lines).try_start().unwrap_err().text;
    let unknown = "Invalid command 'LBServerClutser': proxy_lb_module has no such directive";
    assert_eq!(refused("LBServerClutser a http://a:1"), unknown);
    assert_eq!(refused("LBServerCluster a"), "LBServerCluster does not take 1 words");
    let twice = "cluster 'a' has the endpoint http://a:1 already: write it once";
    assert_eq!(refused("LBServerCluster a http://a:1 http://a:1"), twice);
    let made = Host::of(&proxy_lb_module).config("LBServerCluster c http://a:1").endpoints(2).try_start();
    assert_eq!(made.unwrap_err().text, "cluster 'c' is made twice: use another name");
}

#[test]
fn a_list_goes_on_after_a_failure_and_keeps_its_set() {
    let host = Host::of(&proxy_lb_module).endpoints(4).start();
    host.down(1);
    let mut trial = host.request("/").begin();
    assert_eq!(trial.next(), Some(0));
    trial.fail(FailureKind::REFUSED);
    host.down(2);
    assert_eq!(trial.next(), Some(2), "the set that the list began with");
    assert_eq!(trial.usable(), [0, 2, 3]);
    trial.done(200);
    host.up(1);
    assert_eq!(host.picks(6), [2, 2, 0, 2]);
}

#[test]
fn counts_are_those_of_the_server() {
    let host = Host::of(&proxy_lb_module).endpoints(2).start();
    let mut trial = host.request("/").begin();
    trial.next();
    assert_eq!(host.stats(0).in_flight.load(std::sync::atomic::Ordering::Relaxed), 1);
    trial.fail(FailureKind::REFUSED);
    trial.next();
    trial.cancel();
    let counts = |index| {
        let stats = host.stats(index);
        [&stats.in_flight, &stats.fails_in_row].map(|count| count.load(std::sync::atomic::Ordering::Relaxed))
    };
    assert_eq!([counts(0), counts(1)], [[0, 1], [0, 0]]);
}

#[test]
fn time_passes_when_the_test_says_so() {
    let host = Host::of(&proxy_lb_module).start();
    let before = host.now_ns();
    host.advance(Duration::from_millis(3));
    assert_eq!(host.now_ns() - before, 3_000_000);
}

#[test]
fn a_reload_goes_on_in_the_middle_of_the_round() {
    let before = Host::of(&proxy_lb_module).config(CONFIG).start();
    assert_eq!(before.picks(4), [2, 1, 1]);
    let after = Host::of(&proxy_lb_module).config(CONFIG).start().reloaded_from(&before);
    assert_eq!(after.request_of("a", "/").begin().next(), Some(1), "the fifth request");
    assert_eq!(before.request_of("a", "/").begin().next(), Some(1), "the old one serves those that it has");
    let other = "LBServerCluster other http://a1:1 http://a2:1";
    let other = Host::of(&proxy_lb_module).config(other).start().reloaded_from(&before);
    assert_eq!(other.request("/").begin().next(), Some(0), "another name is another cluster");
}

#[test]
fn a_reload_forgets_no_endpoint_that_cools_down() {
    let least = || Host::of(&mod_lb_least::lb_least_module).endpoints(3).start();
    let before = least();
    let mut trial = before.request("/").begin();
    assert_eq!(trial.next(), Some(0));
    trial.fail(FailureKind::REFUSED);
    drop(trial);
    let after = least().reloaded_from(&before);
    assert_eq!(after.picks(4)[0], 0);
    after.advance(Duration::from_secs(11));
    assert_ne!(after.picks(3)[0], 0);
}
