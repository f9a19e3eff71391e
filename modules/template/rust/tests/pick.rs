//! Whom it picks; and a test of each rule that any balancer keeps.
use mod_lb_template::lb_template_module;
use proxy_module_test::{FailureKind, Host, conforms};

conforms!(lb_template_module);

#[test]
fn picks_all_that_are_up_alike() {
    let host = Host::of(&lb_template_module).endpoints(4).start();
    host.down(2);
    let picks = host.picks(3000);
    assert_eq!(picks[2], 0);
    assert!([0, 1, 3].iter().all(|index| (900..1100).contains(&picks[*index])), "{picks:?}");
}

#[test]
fn tries_everybody_once() {
    let host = Host::of(&lb_template_module).endpoints(3).start();
    let mut trial = host.request("/").begin();
    let mut tried = Vec::new();
    while let Some(index) = trial.next() {
        trial.fail(FailureKind::REFUSED);
        tried.push(index);
    }
    tried.sort_unstable();
    assert_eq!(tried, [0, 1, 2]);
}
