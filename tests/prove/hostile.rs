//! Reloads of what should never be put in force, under load: the server lives, the last good generation goes on, no
//! request is lost, and each refusal says in the answer and in the log what is wrong, and in which file.

mod attempts;

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use super::{Form, Progress, ask_reload, generation, in_both_forms};
use crate::support::chance::seed;
use crate::support::config::Syntax;
use crate::support::config::lb_line;
use crate::support::origin::Origin;
use crate::support::probe::{Latency, Probe, Rate, origin};
use crate::support::server::Setup;
use crate::support::told::figure;
use attempts::{Attempt, attempts, good};

in_both_forms!(prove, "takes minutes; run by cargo xtask prove hostile --long");

/// All of the cluster's requests go to the first of its endpoints for as long as the fixture balances it.
fn text(origins: &[&Origin]) -> String {
    let members: String =
        origins.iter().map(|origin| format!("LBServerCluster c {}\n", origin.url())).collect();
    format!(
        "AdminSocket admin.sock\nErrorLog error.log\n{}\nLoadModule fixture_module m.so\n{members}\
         LBMethod c fixture_module\nLBProxyPass / c\n",
        lb_line(Syntax::Conf)
    )
}

/// What came of the attempts of one kind.
#[derive(Debug, Default)]
struct Count {
    refused: usize,
    passed: usize,
}

fn prove(form: Form) {
    let (count, rate, seed) = (form.pick(150, 2000), form.pick(200.0, 1000.0), seed());
    // Files are built for some of them, which takes a while.
    let attempts = attempts(form, count, seed);
    let origins = [origin(1), origin(2)];
    let text = text(&[&origins[0], &origins[1]]);
    let setup = Setup::new(Syntax::Conf, &text);
    let file = setup.module(&good(), "m.so");
    let mut server = setup.start();
    let probe = Probe::start(server.addr(), Rate { per_second: rate, fresh: 50 });
    let mut counts = BTreeMap::<&str, Count>::new();
    let (mut refused, mut wrong, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut number, mut progress) = (1, Progress::new());
    for (turn, attempt) in attempts.iter().enumerate() {
        server.rewrite(&format!("{text}{}", attempt.lines));
        match &attempt.module {
            Some(bytes) => fs::write(&file, bytes).unwrap(),
            None => drop(fs::copy(good(), &file).unwrap()),
        }
        let asked = Instant::now();
        let (status, answer) = ask_reload(&server);
        times.push((asked.elapsed(), attempt.to_string()));
        let of_kind = counts.entry(attempt.kind).or_default();
        if status == 200 && attempt.may_pass {
            of_kind.passed += 1;
            number += 1;
        } else {
            if !matches!(status, 409 | 500) || !is_named(attempt, &answer) {
                wrong.push(format!("{attempt} is answered {status}: {}", shortened(&answer)));
            }
            number += u64::from(status == 200);
            of_kind.refused += 1;
            refused.push(attempt.clone());
        }
        assert!(server.is_running(), "it ended at {attempt}");
        assert_eq!(generation(&server), number, "after {attempt}");
        let (made, failed) = probe.so_far();
        assert_eq!(failed, 0, "of {made} requests, after {attempt}");
        progress.tell(|| format!("{turn} attempts, {made} requests, {failed} failed"));
    }
    let outcome = probe.end();
    let (count, slowest) = (times.len(), times.iter().max().unwrap().1.clone());
    let times = Latency::of(times.into_iter().map(|(time, _)| time).collect());
    figure(format_args!("{count} hostile reloads, seed {seed}: {outcome}"));
    figure(format_args!("each answered in {times}; {slowest} took longest"));
    for (kind, Count { refused, passed }) in &counts {
        figure(format_args!("{kind}: {refused} refused and named, {passed} harmless and in force"));
    }
    outcome.assert_none_failed();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(outcome.answered_by(1), outcome.all(), "the balancer in force is the one that was");
    assert_logged(&fs::read_to_string(server.root().join("error.log")).unwrap(), &refused);
    // What is right is put in force after all that.
    server.rewrite(&text);
    fs::copy(good(), &file).unwrap();
    super::reload(&server);
    assert_eq!(generation(&server), number + 1);
    assert!(server.stop().0.success());
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

fn is_named(attempt: &Attempt, text: &str) -> bool {
    attempt.named.iter().any(|part| text.contains(part))
}

/// Each refusal has a line of its own, in which it is named; in order.
fn assert_logged(log: &str, refused: &[Attempt]) {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("event=config_rejected")).collect();
    assert_eq!(lines.len(), refused.len(), "{log}");
    let unnamed =
        lines.iter().zip(refused).filter(|(line, attempt)| !is_named(attempt, line) || line.len() > 1000);
    let unnamed: Vec<String> =
        unnamed.map(|(line, attempt)| format!("{attempt}: {}", shortened(line))).collect();
    assert!(unnamed.is_empty(), "not named in the log:\n{}", unnamed.join("\n"));
}
