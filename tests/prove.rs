//! Proofs: what must not cost a request, or spoil one, done many times under load, and the figures. `cargo xtask prove`
//! runs them alone; the short ones are run with all other tests as well, and hold no bound on time there.

mod builds;
mod crosstalk;
mod hostile;
mod overload;
mod panics;
mod posts;
mod reloads;
mod slow;
mod soak;
mod stall;
mod swaps;

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use crate::support::config::load_line;
use crate::support::origin::Origin;
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::{admin, modules};

/// How much is done of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Short,
    Long,
}

impl Form {
    fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }
}

/// Makes the two tests of a proof out of a function of [`Form`]. Modules that are loaded are the same in both runs of
/// the suite: one is enough.
macro_rules! in_both_forms {
    ($prove:path, $long:literal) => {
        #[test]
        fn short() {
            if !$crate::support::config::is_static() {
                $prove($crate::prove::Form::Short);
            }
        }

        #[test]
        #[ignore = $long]
        fn long() {
            if $crate::prove::is_alone() {
                $prove($crate::prove::Form::Long);
            } else {
                $crate::support::told::skipped("a long proof runs alone, by cargo xtask prove");
            }
        }
    };
}
use in_both_forms;

/// Whether nothing else runs beside the proof, so that a bound on time says something about the server.
fn is_alone() -> bool {
    std::env::var_os("PROXYD_TESTS_ALONE").is_some()
}

/// Fails unless `holds`, where the proof runs alone.
fn assert_alone(holds: bool, what: std::fmt::Arguments<'_>) {
    if is_alone() {
        assert!(holds, "{what}");
    } else if !holds {
        figure(format_args!("not held, as other tests run beside this one: {what}"));
    }
}

/// Says now and then how far a long proof is.
struct Progress {
    began: Instant,
    next: Duration,
}

impl Progress {
    const PERIOD: Duration = Duration::from_secs(10);

    fn new() -> Self {
        Self { began: Instant::now(), next: Self::PERIOD }
    }

    fn tell(&mut self, text: impl FnOnce() -> String) {
        let elapsed = self.began.elapsed();
        if elapsed >= self.next {
            self.next = elapsed + Self::PERIOD;
            figure(format_args!("{:.0} s: {}", elapsed.as_secs_f64(), text()));
        }
    }

    /// Waits for the end of what others do.
    fn tell_until(&mut self, is_done: impl Fn() -> bool, text: impl Fn() -> String) {
        while !is_done() {
            self.tell(&text);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Sleeps until the `turn`th of so many turns a second, counted from `began`.
fn wait_for_turn(began: Instant, turn: usize, per_second: f64) {
    let due = began + Duration::from_secs_f64(turn as f64 / per_second);
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

/// A configuration with an admin socket, whose cluster `c` is balanced by the round robin. `lines` come before it.
fn round_robin<'a>(lines: &str, origins: impl IntoIterator<Item = &'a Origin>) -> String {
    let members: String =
        origins.into_iter().map(|origin| format!("LBServerCluster c {}\n", origin.url())).collect();
    format!("{{lb}}\nAdminSocket admin.sock\n{lines}{members}LBProxyPass / c\n")
}

/// A server whose cluster `c` is balanced by the module that misbehaves as `lines` say, with an admin socket.
fn misbehaving<'a>(lines: &str, origins: impl IntoIterator<Item = &'a Origin>) -> Server {
    let urls: Vec<String> = origins.into_iter().map(Origin::url).collect();
    let load = load_line("hostile_module", &modules::rust("mod-hostile"));
    let cluster = format!("HostileCluster c {}\nHostileProxyPass / c\n", urls.join(" "));
    Server::conf(&format!("{load}AdminSocket admin.sock\nLogLevel error\n{lines}{cluster}"))
}

/// Asks for a reload: the status, and the answer.
fn ask_reload(server: &Server) -> (u16, String) {
    let (head, body) = admin::ask(&admin::socket(server), "POST", "/reload");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{head}")), body)
}

/// How long a reload took, which has to be done.
fn reload(server: &Server) -> Duration {
    let asked = Instant::now();
    let (status, body) = ask_reload(server);
    let took = asked.elapsed();
    assert_eq!(status, 200, "{body}");
    took
}

/// Module files that are mapped: each is a memory file of its own.
fn images(server: &Server) -> usize {
    let maps = fs::read_to_string(format!("/proc/{}/maps", server.process().pid())).unwrap();
    let files = maps.lines().filter(|line| line.contains("memfd:"));
    files.filter_map(|line| line.split_ascii_whitespace().nth(4)).collect::<BTreeSet<_>>().len()
}

/// The number of the generation in force.
fn generation(server: &Server) -> u64 {
    admin::json(server, "/generation")["number"].as_u64().unwrap()
}
