//! All at once for long: requests and tunnels that must not notice, clients that leave, endpoints that break and one that
//! comes and goes, reloads good and bad, and a module that is exchanged. In the end the server has what it had when both
//! builds were loaded, and no more.

mod trouble;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::builds::Builds;
use super::{Form, Progress, ask_reload, images, in_both_forms, reload, wait_for_turn};
use crate::support::admin;
use crate::support::chance::seed;
use crate::support::config::{Syntax, load_line};
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::probe::{Probe, Rate, Tunnels, origin};
use crate::support::server::{Server, Setup};
use crate::support::told::{figure, is_sanitized};
use crate::support::wait::until_true;
use trouble::{ComesAndGoes, aborts, asks_the_broken, broken_origin};

in_both_forms!(prove, "takes half an hour; run by cargo xtask prove soak --long");

const TUNNELS: usize = 20;
/// Memory that a server may take and give back while it serves.
const SWING_KIB: u64 = 2048;

/// What a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
    images: usize,
}

/// What was done to the server, and how much memory it had in the last two thirds of that.
#[derive(Debug, Default)]
struct Course {
    reloads: usize,
    refused: usize,
    swaps: usize,
    memory: Vec<u64>,
}

fn prove(form: Form) {
    let time = Duration::from_secs(form.pick(12, 30 * 60));
    let rate = Rate { per_second: form.pick(200.0, 500.0), fresh: 50 };
    let origins: Vec<Origin> = (1..=3).map(origin).collect();
    let (broken, fickle) = (broken_origin(seed()), ComesAndGoes::new());
    let urls: Vec<String> = origins.iter().map(Origin::url).chain([fickle.url()]).collect();
    let texts = [text(&urls, &broken, "Timeout 50\n"), text(&urls[1..], &broken, "Timeout 40\n")];
    let setup = Setup::new(Syntax::Conf, &texts[0]);
    let builds = Builds::new(setup.module(&modules::proxy_lb(), "lb.so"));
    let mut server = setup.start();
    for build in [1, 0] {
        builds.place(build, 0);
        reload(&server);
    }
    let before = at_rest(&server);
    let tunnels = Tunnels::open(server.addr(), TUNNELS);
    let probe = Probe::start(server.addr(), rate);
    let is_over = AtomicBool::new(false);
    let (course, left, asked) = thread::scope(|scope| {
        let left = scope.spawn(|| aborts(server.addr(), &is_over));
        let asked = scope.spawn(|| asks_the_broken(server.addr(), &is_over));
        scope.spawn(|| fickle.come_and_go(&is_over));
        let course = change(form, time, &server, &builds, &texts, &probe);
        is_over.store(true, Relaxed);
        (course, left.join().unwrap(), asked.join().unwrap())
    });
    let outcome = probe.end();
    let echoed = tunnels.end();
    let Course { reloads, refused, swaps, memory } = course;
    let (least, most) = (memory.iter().min().unwrap(), memory.iter().max().unwrap());
    figure(format_args!("{time:?}: {outcome}; {TUNNELS} WebSockets, {echoed} nonces echoed, 0 broken"));
    figure(format_args!(
        "{reloads} reloads, {swaps} of them with another build, {refused} refused; {left} requests left by their clients, \
         {asked} asked of an endpoint that breaks; the one that comes and goes came {} times and answered {}",
        fickle.came(),
        outcome.answered_by(ComesAndGoes::NUMBER)
    ));
    outcome.assert_none_failed();
    assert!(server.is_running());
    drop((origins, broken, fickle));
    figure(format_args!("memory from {least} to {most} KiB; at rest before: {before:?}"));
    let began = Instant::now();
    until_true("all that was taken to be given back", || held(&server) == before);
    figure(format_args!("the same {:.1?} after the end", began.elapsed()));
    if !is_sanitized() {
        assert!(most - least <= SWING_KIB, "memory from {least} to {most} KiB");
    }
    assert!(server.stop().0.success());
}

/// Cluster `c` is of those that answer when they are there, `b` of one that breaks.
fn text(urls: &[String], broken: &Origin, lines: &str) -> String {
    let members: String = urls.iter().map(|url| format!("LBServerCluster c {url}\n")).collect();
    format!(
        "AdminSocket admin.sock\nErrorLog error.log\nLogLevel error\n{lines}{}{members}LBServerCluster b {}\n\
         LBProxyPass /broken b\nLBProxyPass / c\n",
        load_line("proxy_lb_module", Path::new("lb.so")),
        broken.url()
    )
}

/// Reloads for that time: another configuration each time, in every other turn another build, in every tenth what is wrong.
fn change(
    form: Form,
    time: Duration,
    server: &Server,
    builds: &Builds,
    texts: &[String; 2],
    probe: &Probe,
) -> Course {
    let per_second = form.pick(5.0, 2.0);
    let (began, mut progress, mut course) = (Instant::now(), Progress::new(), Course::default());
    for turn in 1.. {
        if turn % 2 == 0 {
            builds.place(turn / 2 % 2, turn / 2);
            course.swaps += 1;
        }
        if turn % 10 == 5 {
            server.rewrite("ProxyPas / http://a/\n");
            assert_eq!(ask_reload(server).0, 409);
            course.refused += 1;
        } else {
            server.rewrite(&texts[turn % 2]);
            reload(server);
            course.reloads += 1;
        }
        if began.elapsed() > time / 3 {
            course.memory.push(server.process().memory_kib("VmRSS"));
        }
        progress.tell(|| {
            let ((asked, failed), memory) = (probe.so_far(), server.process().memory_kib("VmRSS"));
            format!("{turn} turns, {asked} requests, {failed} failed, {memory} KiB, {:?}", held(server))
        });
        if began.elapsed() >= time {
            break;
        }
        wait_for_turn(began, turn, per_second);
    }
    course
}

/// What it has once nothing is under way: twice in a row the same.
fn at_rest(server: &Server) -> Held {
    until_true("one generation to be left", || admin::json(server, "/generation")["live"] == 1);
    let mut last = held(server);
    let mut same = 0;
    until_true("rest", || {
        let now = held(server);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same >= 100
    });
    last
}

fn held(server: &Server) -> Held {
    let count = |dir: &str| fs::read_dir(format!("/proc/{}/{dir}", server.process().pid())).unwrap().count();
    Held { descriptors: count("fd"), threads: count("task"), images: images(server) }
}
