//! Clients that are slow on purpose: each is cut when its time is up, costs little until then, and others do not notice.

use std::time::{Duration, Instant};

use super::{Form, assert_alone, in_both_forms, is_alone};
use crate::support::crowd::{Crowd, PatientOrigin, Slow};
use crate::support::probe::{Probe, Rate, origin};
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::until_true;

in_both_forms!(prove, "takes a minute; run by cargo xtask prove slow --long");

/// What a slow client may cost, of each kind alone.
const MOST_KIB: f64 = 8.0;
/// How much later than its deadline it may be cut.
const LATE: Duration = Duration::from_secs(1);
/// How often is measured where the machine did not let us.
const TRIES: usize = 3;
/// Others, who go on as if nothing happened, most of them on connections that they keep.
const OTHERS: Rate = Rate { per_second: 100.0, fresh: 10 };
/// What two executors are asked at once before memory is counted from.
const WARM: usize = 500;

fn prove(form: Form) {
    const ALL: [Slow; 3] = [Slow::Head, Slow::Body, Slow::Reader];
    let (count, deadline) = form.pick((300, 3), (2000, 8));
    for kind in ALL {
        check(&[kind], count, deadline);
    }
    check(&ALL, count, form.pick(4, 15));
}

/// `count` clients of each kind at once, whose deadline is so many seconds.
fn check(kinds: &[Slow], count: usize, deadline: u32) {
    for attempt in 1..=TRIES {
        let Err(why) = measure(kinds, count, deadline) else { return };
        figure(format_args!("{kinds:?}, attempt {attempt} says nothing: {why}"));
    }
    assert_alone(false, format_args!("the machine is too busy to say whether {kinds:?} are cut in time"));
}

/// Fails where the server does not do as it should; an error says that the machine did not let us see.
fn measure(kinds: &[Slow], count: usize, deadline: u32) -> Result<(), String> {
    let (slow, quick) = (PatientOrigin::new(), origin(1));
    let server = Server::conf(&format!(
        "Executors 2\nRequestReadTimeout header={deadline} body={deadline}\nResponseWriteTimeout {deadline}\n\
         ProxyPass /slow/ {}/\nProxyPass / {}/\n",
        slow.url(),
        quick.url()
    ));
    warm_up(&server);
    let others = Probe::start(server.addr(), OTHERS);
    until_true("connections that others keep", || others.so_far().0 >= 100);
    let before = server.process().memory_kib("VmRSS");
    let mut crowd = Crowd::of(&slow);
    kinds.iter().for_each(|kind| crowd.join(server.addr(), *kind, count));
    while !crowd.all_wait() && crowd.ended() == 0 {
        crowd.tick();
    }
    // A moment for the last of them to fill what there is of buffers.
    let settled = Instant::now() + Duration::from_millis(500);
    while Instant::now() < settled {
        crowd.tick();
    }
    let (after, were_all_there) = (server.process().memory_kib("VmRSS"), crowd.ended() == 0);
    let deadline = Duration::from_secs(deadline.into());
    let end = Instant::now() + deadline + Duration::from_secs(20);
    while crowd.tick() > 0 {
        assert!(Instant::now() < end, "some were never cut: {} of {}", crowd.ended(), crowd.count());
    }
    let waited = server.waited_for_processor();
    let others = others.end();
    let slowest = others.latency(|_| true).max;
    let cuts = crowd.cuts();
    let all = cuts.len();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each = after.saturating_sub(before) as f64 / all as f64;
    let first = cuts.iter().map(|cut| cut.after).min().unwrap_or_default();
    let (median, last) = (cuts[all / 2].at_most, cuts[all - 1].at_most);
    let surely = cuts.iter().map(|cut| cut.at_least).max().unwrap_or_default();
    figure(format_args!(
        "{all} slow clients {kinds:?}: {each:.1} KiB each (bound {MOST_KIB}; {before} to {after} KiB); cut after {:.2?} \
         to {:.2?} (median), {:.2?} at most (bound {:.2?}), {:.2?} for certain; others: {others} \
         (bound 0), slowest {slowest:.2?}; the server waited {waited:.2?} for a processor",
        first,
        median,
        last,
        deadline + LATE,
        surely,
    ));
    assert!(first + Duration::from_millis(100) >= deadline, "{first:?} is before the deadline");
    others.assert_none_failed();
    if !were_all_there {
        return Err("the first was cut before the last had begun".to_owned());
    }
    assert!(each <= MOST_KIB, "{each:.1} KiB for a slow client");
    if is_alone() && last > deadline + LATE && waited > LATE / 2 {
        return Err(format!("the machine let the server wait for {waited:.2?}"));
    }
    assert_alone(
        surely <= deadline + LATE,
        format_args!("{surely:?} after the server began to wait it had not cut somebody"),
    );
    if is_alone() && last > deadline + LATE {
        return Err(format!("somebody was not looked at between {surely:.2?} and {last:.2?}"));
    }
    Ok(())
}

/// What an executor makes for its first requests, and keeps, is no cost of a slow client. The connections are as many as
/// others have later: what these leave behind is theirs.
fn warm_up(server: &Server) {
    let burst = Probe::start(server.addr(), Rate::unbounded(50));
    until_true("requests to warm up with", || burst.so_far().0 >= WARM);
    burst.end().assert_none_failed();
}
