//! Clients that are slow on purpose: each is cut when its time is up, costs little until then, and others do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Form, assert_alone, in_both_forms, is_alone};
use crate::support::client::Client;
use crate::support::crowd::{Crowd, PatientOrigin, Slow};
use crate::support::origin::Origin;
use crate::support::server::Server;
use crate::support::told::figure;

in_both_forms!(prove, "takes a minute; run by cargo xtask prove slow --long");

/// What a slow client may cost, of each kind alone.
const MOST_KIB: f64 = 8.0;
/// How much later than its deadline it may be cut.
const LATE: Duration = Duration::from_secs(1);
/// How often is measured where the machine did not let us.
const TRIES: usize = 3;

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
    let (slow, quick) = (PatientOrigin::new(), Origin::named("quick"));
    let server = Server::conf(&format!(
        "Executors 2\nRequestReadTimeout header={deadline} body={deadline}\nResponseWriteTimeout {deadline}\n\
         ProxyPass /slow/ {}/\nProxyPass / {}/\n",
        slow.url(),
        quick.url()
    ));
    let others = Others::begin(&server);
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
    let (answered, failed, slowest) = others.end();
    let cuts = crowd.cuts();
    let all = cuts.len();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each = after.saturating_sub(before) as f64 / all as f64;
    let first = cuts.iter().map(|cut| cut.after).min().unwrap_or_default();
    let (median, last) = (cuts[all / 2].at_most, cuts[all - 1].at_most);
    let surely = cuts.iter().map(|cut| cut.at_least).max().unwrap_or_default();
    figure(format_args!(
        "{all} slow clients {kinds:?}: {each:.1} KiB each (bound {MOST_KIB}; {before} to {after} KiB); cut after {:.2?} \
         to {:.2?} (median), {:.2?} at most (bound {:.2?}), {:.2?} for certain; others: {answered} answered, {failed} \
         failed (bound 0), slowest {slowest:.2?}; the server waited {waited:.2?} for a processor",
        first,
        median,
        last,
        deadline + LATE,
        surely,
    ));
    assert!(first + Duration::from_millis(100) >= deadline, "{first:?} is before the deadline");
    assert!(answered > 0 && failed == 0, "{failed} requests of others failed");
    if !were_all_there {
        return Err("the first was cut before the last had begun".to_owned());
    }
    assert!(each <= MOST_KIB, "{each:.1} KiB for a slow client");
    if last > deadline + LATE && waited > LATE / 2 {
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

/// A client that goes on as if nothing happened, with new connections and with kept ones.
struct Others {
    ended: Arc<AtomicBool>,
    thread: thread::JoinHandle<(usize, usize, Duration)>,
}

impl Others {
    fn begin(server: &Server) -> Self {
        let (addr, ended) = (server.addr(), Arc::<AtomicBool>::default());
        let flag = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            let (mut answered, mut failed, mut slowest) = (0, 0, Duration::ZERO);
            while !flag.load(Ordering::SeqCst) {
                let mut client = Client::connect(addr);
                for _ in 0..10 {
                    let began = Instant::now();
                    client.send_get("/quick");
                    match client.try_response(false) {
                        Ok(response) if response.status == 200 && response.complete => answered += 1,
                        _ => failed += 1,
                    }
                    slowest = slowest.max(began.elapsed());
                }
                thread::sleep(Duration::from_millis(5));
            }
            (answered, failed, slowest)
        });
        Self { ended, thread }
    }

    fn end(self) -> (usize, usize, Duration) {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}
