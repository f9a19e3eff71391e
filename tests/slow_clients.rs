//! Clients that are slow on purpose: each is cut when its time is up, costs little until then, and others do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::crowd::{Crowd, PatientOrigin, Slow};
use crate::support::origin::Origin;
use crate::support::server::Server;
use crate::support::told::figure;

/// What a slow client may cost.
const MOST_KIB: f64 = 8.0;
/// Readers alone: a few large windows of each executor count here, and what the system took only a part of.
const MOST_KIB_READER: f64 = 12.0;

#[test]
fn slow_clients_are_cut_cost_little_and_disturb_nobody() {
    check(&[Slow::Head, Slow::Body, Slow::Reader], 500, 4, MOST_KIB, 2);
}

#[test]
#[ignore = "takes a minute; run by cargo xtask test --long"]
fn thousands_of_slow_clients_are_cut_cost_little_and_disturb_nobody() {
    let all = [Slow::Head, Slow::Body, Slow::Reader];
    for (kind, most) in all.into_iter().zip([MOST_KIB, MOST_KIB, MOST_KIB_READER]) {
        check(&[kind], 2000, 8, most, 1);
    }
    check(&all, 2000, 15, MOST_KIB, 1);
}

/// `count` clients of each kind at once, whose deadline is so many seconds; each may cost `most` KiB and be cut so many
/// seconds late: more than one only where other tests run beside it.
fn check(kinds: &[Slow], count: usize, deadline: u32, most: f64, late: u64) {
    let (slow, quick) = (PatientOrigin::new(), Origin::named("quick"));
    let server = Server::conf(&format!(
        "Executors 2\nRequestReadTimeout header={deadline} body={deadline}\nResponseWriteTimeout {deadline}\n\
         ProxyPass /slow/ {}/\nProxyPass / {}/\n",
        slow.url(),
        quick.url()
    ));
    let others = Others::begin(&server);
    let before = server.process().memory_kib("VmRSS");
    let mut crowd = Crowd::begin(server.addr(), kinds[0], count);
    kinds[1..].iter().for_each(|kind| crowd.join(Crowd::begin(server.addr(), *kind, count)));
    while !crowd.all_wait() {
        assert!(crowd.tick() > 0, "all were cut before the last one waited");
    }
    // A moment for the last of them to fill what there is of buffers.
    let settled = Instant::now() + Duration::from_millis(500);
    while Instant::now() < settled {
        crowd.tick();
    }
    let after = server.process().memory_kib("VmRSS");
    let end = Instant::now() + Duration::from_secs(u64::from(deadline) + 20);
    while crowd.tick() > 0 {
        assert!(Instant::now() < end, "some were never cut: {} of {}", crowd.times().len(), crowd.count());
    }
    let (answered, failed, slowest) = others.end();
    let times = crowd.times();
    let (first, median, last) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each = after.saturating_sub(before) as f64 / crowd.count() as f64;
    figure(format_args!(
        "{} slow clients {kinds:?}: {each:.1} KiB each ({before} to {after} KiB); cut after {first:.2?} to {last:.2?}, \
         median {median:.2?}, of {deadline} s; others: {answered} answered, {failed} failed, slowest {slowest:.2?}",
        crowd.count()
    ));
    assert_eq!(times.len(), crowd.count(), "each was cut");
    let deadline = Duration::from_secs(deadline.into());
    assert!(first + Duration::from_millis(100) >= deadline, "{first:?} is before the deadline");
    assert!(
        last <= deadline + Duration::from_secs(late),
        "{last:?} is more than {late} s after the deadline"
    );
    assert!(each <= most, "{each:.1} KiB for a slow client");
    assert!(answered > 0 && failed == 0, "{failed} requests of others failed");
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
