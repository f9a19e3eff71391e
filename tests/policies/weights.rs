//! `weight=N` behind a URL of LBServerCluster.

use proxy_core::caller::Caller;

use super::rig::Rig;
use crate::support::config::{Syntax, load_line};
use crate::support::modules;
use crate::support::policy::Policy;
use crate::support::server::Setup;

fn cluster(lines: &str) -> Rig {
    let (lb, policy) = (load_line("proxy_lb_module", &modules::proxy_lb()), Policy::least());
    let load = policy.load_line();
    Rig::verbatim(&format!("{lb}{load}{lines}LBMethod c lb_least_module\nLBProxyPass / c\n"))
}

fn weights(rig: &Rig) -> Vec<(&str, u32)> {
    rig.endpoints().iter().map(|endpoint| (&*endpoint.addr, endpoint.weight)).collect()
}

#[test]
fn a_weight_belongs_to_the_url_before_it() {
    let rig = cluster(
        "LBServerCluster c http://127.0.0.1:1 weight=2\nLBServerCluster c http://127.0.0.1:2\n\
         LBServerCluster c http://127.0.0.1:3 http://127.0.0.1:4 weight=1000 http://127.0.0.1:5 weight=1\n",
    );
    let expected = [1, 2, 3, 4, 5].map(|port| format!("127.0.0.1:{port}"));
    let expected: Vec<(&str, u32)> = expected.iter().map(String::as_str).zip([2, 1, 1, 1000, 1]).collect();
    assert_eq!(weights(&rig), expected);
}

#[test]
fn policies_see_it() {
    let rig =
        cluster("LBServerCluster c http://127.0.0.1:1\nLBServerCluster c http://127.0.0.1:2 weight=2\n");
    assert_eq!(rig.letters(&Caller::new(0), 3), "bbb");
}

#[test]
fn the_round_robin_takes_no_notice() {
    let lb = load_line("proxy_lb_module", &modules::proxy_lb());
    let rig = Rig::verbatim(&format!(
        "{lb}LBServerCluster c http://127.0.0.1:1 weight=5\nLBServerCluster c http://127.0.0.1:2\nLBProxyPass / c\n"
    ));
    assert_eq!(rig.letters(&Caller::new(0), 6), "ababab");
}

in_both_syntaxes! {
    fn what_is_no_weight_is_refused_where_it_stands(syntax) {
        for (second, wrong, text) in [
            (&["http://127.0.0.1:2", "weight=0"][..], "weight=0", "a weight is a number from 1 to 1000"),
            (&["http://127.0.0.1:2", "weight=1001"], "weight=1001", "a weight is a number from 1 to 1000"),
            (&["http://127.0.0.1:2", "weight=two"], "weight=two", "a weight is a number from 1 to 1000"),
            (&["http://127.0.0.1:2", "weight=2", "weight=2"], "weight=2", "a weight stands behind a URL, and once"),
        ] {
            let config = match syntax {
                Syntax::Conf => format!(
                    "{{lb}}\nLBServerCluster c http://127.0.0.1:1\nLBServerCluster c {}\nLBProxyPass / c\n",
                    second.join(" ")
                ),
                Syntax::Toml => format!(
                    "{{lb}}\nLBServerCluster = [[\"c\", \"http://127.0.0.1:1\"],\n[\"c\", \"{}\"]]\n\
                     LBProxyPass = [[\"/\", \"c\"]]\n",
                    second.join("\", \"")
                ),
            };
            let run = Setup::new(syntax, &config).check(&["-t"]);
            let text = format!("`{wrong}`: {text}");
            assert!(run.stderr.contains(&text), "`{text}` is not in\n{}", run.stderr);
            assert!(run.stderr.contains("line 4 of "), "not line 4:\n{}", run.stderr);
        }
    }

    fn a_weight_alone_is_refused(syntax) {
        let config = match syntax {
            Syntax::Conf => "{lb}\nLBServerCluster c weight=2\nLBProxyPass / c\n",
            Syntax::Toml => "{lb}\nLBServerCluster = [[\"c\", \"weight=2\"]]\nLBProxyPass = [[\"/\", \"c\"]]\n",
        };
        let run = Setup::new(syntax, config).check(&["-t"]);
        assert!(run.stderr.contains("`weight=2`: a weight stands behind a URL"), "{}", run.stderr);
    }
}
