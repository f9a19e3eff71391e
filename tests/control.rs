//! `-k` and PidFile: servers in the background, who runs, and that nobody else is ever signalled.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::background::{Background, setup, started};
use crate::support::client::Client;
use crate::support::config::Syntax;
use crate::support::origin::{Origin, Then, ok};
use crate::support::process::{Run, Watched};
use crate::support::server::Setup;
use crate::support::wait::until_true;

const ACTIONS: [&str; 5] = ["start", "stop", "graceful-stop", "restart", "graceful"];

fn run_k(setup: &Setup, action: &str) -> Run {
    setup.check(&["-k", action])
}

fn said(run: &Run) -> (Option<i32>, &str) {
    (run.code, run.stdout.as_str())
}

/// An origin that answers when it is told to.
fn slow() -> (Origin, Sender<()>) {
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    let origin = Origin::answering(move |_, stream| {
        let _ = told.lock().unwrap().recv_timeout(Duration::from_secs(20));
        stream.write_all(&ok(b"at last"))?;
        Ok(Then::Keep)
    });
    (origin, tell)
}

#[test]
fn start_leaves_a_server_behind_and_stop_waits_for_its_end() {
    let origin = Origin::named("ok");
    let setup = setup(&format!("ProxyPass / {}/\n", origin.url()));
    // That the run has an end says that the server holds neither of its outputs.
    let run = run_k(&setup, "start");
    assert!(run.stderr.contains("ready: listening on 127.0.0.1:"), "{run:?}");
    let server = Background::of(&setup, &run);
    let pid = server.pid;
    assert_eq!(fs::read_to_string(setup.root().join("pid")).unwrap(), format!("{pid}\n"));
    assert_eq!(server.get("/").text(), "ok");
    for descriptor in 0..3 {
        let to = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).unwrap();
        assert_eq!(to.to_str(), Some("/dev/null"), "descriptor {descriptor}");
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap();
    assert_eq!(session, pid.to_string(), "a session of its own");

    let run = run_k(&setup, "stop");
    assert_eq!(said(&run), (Some(0), format!("proxyd (pid {pid}) stopped\n").as_str()));
    assert!(!server.is_running() && TcpStream::connect(server.addr).is_err());
    assert!(!setup.root().join("pid").exists());
}

#[test]
fn there_is_one_server_for_each_pid_file() {
    let setup = setup("");
    let server = Background::start(&setup, &[]);
    let already = format!("proxyd (pid {}) already running\n", server.pid);
    for flags in [&["-k", "start"][..], &["-k", "start", "-D", "FOREGROUND"], &["-k", "start", "-X"]] {
        assert_eq!(said(&setup.check(flags)), (Some(0), already.as_str()), "{flags:?}");
    }
    // Without -k somebody waits for a server, and does not get it.
    let run = setup.check(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains(&format!("the server with pid {} holds it", server.pid)), "{run:?}");
    assert!(server.is_running());
}

#[test]
fn of_starts_at_once_one_wins() {
    let setup = setup("");
    for round in 0..5 {
        let runs: Vec<Run> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| run_k(&setup, "start"))).collect();
            starting.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let winners: Vec<_> = runs.iter().filter(|run| started(run).is_some()).collect();
        assert_eq!(winners.len(), 1, "{runs:?}");
        let server = Background::of(&setup, winners[0]);
        let already = format!("proxyd (pid {}) already running\n", server.pid);
        for run in &runs {
            assert!(run.code == Some(0) && (started(run).is_some() || run.stdout == already), "{run:?}");
        }
        // And of as many that stop it, each finds its end.
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert_eq!(run_k(&setup, "stop").code, Some(0), "round {round}"));
            }
        });
        until_true("the end", || !server.is_running());
    }
}

#[test]
fn a_start_that_fails_says_why_and_exits_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for (text, why) in [
        ("NoSuchDirective\n".to_owned(), "NoSuchDirective"),
        (format!("Listen {taken}\n"), "another program listens there"),
        ("CustomLog no/such/dir/log common\n".to_owned(), "make its directory"),
    ] {
        let setup = setup(&text);
        let run = run_k(&setup, "start");
        assert_eq!(said(&run), (Some(1), ""), "{run:?}");
        assert!(run.stderr.contains(why), "{run:?}");
        assert!(!setup.root().join("pid").exists(), "{text}");
    }
    let setup = setup("NoSuchDirective\n");
    let log = setup.root().join("start.log").display().to_string();
    let run = setup.check(&["-k", "start", "-E", &log]);
    assert_eq!(
        (run.code, run.stderr),
        (Some(1), format!("proxyd: the server has not started: {log} says why\n"))
    );
    assert!(fs::read_to_string(log).unwrap().contains("NoSuchDirective"));
}

#[test]
fn standard_error_goes_on_in_the_file_of_upper_e() {
    let setup = Setup::new(Syntax::Conf, "PidFile pid\n");
    let log = setup.root().join("error_log").display().to_string();
    let server = Background::start(&setup, &["-E", &log]);
    server.signal(Signal::USR2);
    server.wait_for_log("USR2: ");
    assert_eq!(run_k(&setup, "stop").code, Some(0));
    let run = run_k(&setup, "start");
    assert!(
        run.stderr.contains("the error log goes to standard error, which a server in the background"),
        "{run:?}"
    );
    assert_eq!(run_k(&setup, "stop").code, Some(0));
}

#[test]
fn k_start_stays_in_the_foreground_where_httpd_does() {
    for flags in [&["-D", "FOREGROUND"][..], &["-D", "NO_DETACH"], &["-D", "ONE_PROCESS"], &["-X"]] {
        // Setup::start waits for the line on standard error, and has the process itself.
        let server = Setup::new(Syntax::Conf, "PidFile pid\n").args(flags).args(&["-k", "start"]).start();
        let pid = fs::read_to_string(server.root().join("pid")).unwrap();
        assert_eq!(pid.trim_end(), server.process().pid().to_string(), "{flags:?}");
        assert_eq!(server.get("/").status, 404, "{flags:?}");
        assert_eq!(server.stop().0.code(), Some(0), "{flags:?}");
    }
}

#[test]
fn the_lock_and_not_the_number_says_who_runs() {
    let setup = setup("");
    let mut sleep = Command::new("sleep");
    sleep.arg("60");
    let mut foreign = Watched::spawn(sleep);
    let pid_file = setup.file("pid", &format!("{}\n", foreign.pid()));
    for action in ["stop", "graceful-stop"] {
        let run = run_k(&setup, action);
        let wanted = format!("proxyd not running: nobody holds {}\n", pid_file.display());
        assert_eq!(said(&run), (Some(0), wanted.as_str()), "{action}");
    }
    let run = run_k(&setup, "graceful");
    assert!(run.stdout.starts_with("proxyd not running, trying to start\n"), "{run:?}");
    let server = Background::of(&setup, &run);
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), format!("{}\n", server.pid));
    // Whatever is written there, the server is what is stopped.
    fs::write(&pid_file, format!("{}\n", foreign.pid())).unwrap();
    let run = run_k(&setup, "stop");
    assert_eq!(said(&run), (Some(0), format!("proxyd (pid {}) stopped\n", server.pid).as_str()));
    assert!(foreign.is_running(), "a process that is no server was signalled");
}

#[test]
fn what_a_killed_server_leaves_behind_stops_nobody() {
    let setup = setup("");
    let first = Background::start(&setup, &[]);
    first.signal(Signal::KILL);
    until_true("its end", || !first.is_running());
    assert!(setup.root().join("pid").exists());
    let second = Background::start(&setup, &[]);
    assert_ne!(first.pid, second.pid);
    assert_eq!(run_k(&setup, "stop").code, Some(0));
}

#[test]
fn links_and_other_files_are_not_overwritten() {
    let setup = setup("");
    let precious = setup.file("precious", "12");
    symlink(&precious, setup.root().join("pid")).unwrap();
    for action in ACTIONS {
        let run = run_k(&setup, action);
        assert_eq!(run.code, Some(1), "{action}: {run:?}");
        assert!(run.stderr.contains("it is a symbolic link, which is not followed"), "{action}: {run:?}");
    }
    assert_eq!(fs::read_to_string(precious).unwrap(), "12");
    let setup = Setup::new(Syntax::Conf, "PidFile proxyd.conf\n");
    let text = fs::read_to_string(setup.config()).unwrap();
    assert_eq!(run_k(&setup, "start").code, Some(1));
    assert_eq!(fs::read_to_string(setup.config()).unwrap(), text);
}

#[test]
fn graceful_and_restart_signal_only_for_a_good_configuration() {
    let setup = setup("");
    let server = Background::start(&setup, &[]);
    let config = fs::read_to_string(setup.config()).unwrap();
    for action in ["graceful", "restart"] {
        fs::write(setup.config(), format!("{config}NoSuchDirective\n")).unwrap();
        let run = run_k(&setup, action);
        assert_eq!(said(&run), (Some(1), ""), "{run:?}");
        assert!(run.stderr.contains("line 4 of") && run.stderr.contains("NoSuchDirective"), "{run:?}");
    }
    // Stopping does not depend on what the file says meanwhile; the signals' order shows that none came before.
    fs::write(setup.config(), &config).unwrap();
    for (action, name) in [("graceful", "USR1"), ("restart", "HUP")] {
        let run = run_k(&setup, action);
        let wanted =
            format!("proxyd (pid {}) was sent {name}; its error log says what comes of it\n", server.pid);
        assert_eq!(said(&run), (Some(0), wanted.as_str()));
        server.wait_for_log(&format!("{name}: "));
    }
    let log = server.log();
    assert_eq!((log.matches("USR1: ").count(), log.matches("HUP: ").count()), (1, 1), "{log}");
    fs::write(setup.config(), format!("{config}NoSuchDirective\n")).unwrap();
    let run = run_k(&setup, "stop");
    assert_eq!(said(&run), (Some(0), format!("proxyd (pid {}) stopped\n", server.pid).as_str()));
}

#[test]
fn a_reload_keeps_or_moves_the_pid_file() {
    let setup = setup("");
    let server = Background::start(&setup, &[]);
    let config = fs::read_to_string(setup.config()).unwrap();
    let pid = format!("{}\n", server.pid);
    // Another spelling of the same file is no other file: taking it twice would end the lock.
    for (generation, name) in [(2, "./pid"), (3, "other"), (4, "other"), (5, "pid")] {
        fs::write(setup.config(), config.replace("PidFile pid", &format!("PidFile {name}"))).unwrap();
        server.signal(Signal::HUP);
        server.wait_for_log(&format!("generation {generation} is in force"));
        let run = run_k(&setup, "start");
        let already = format!("proxyd (pid {}) already running\n", server.pid);
        assert_eq!(said(&run), (Some(0), already.as_str()), "{name}");
        assert_eq!(fs::read_to_string(setup.root().join(name)).unwrap(), pid, "{name}");
        let is_left =
            |other: &str| other != name.trim_start_matches("./") && setup.root().join(other).exists();
        assert!(!is_left("pid") && !is_left("other"), "{name}");
    }
    // One that another server holds is refused.
    let other = self::setup("");
    let second = Background::start(&other, &[]);
    let taken = other.root().join("pid").display().to_string();
    fs::write(setup.config(), config.replace("PidFile pid", &format!("PidFile {taken}"))).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log(&format!("the server with pid {} holds it", second.pid));
    server.wait_for_log("generation 5 stays in force");
    assert_eq!(fs::read_to_string(setup.root().join("pid")).unwrap(), pid);
}

#[test]
fn a_reload_makes_a_pid_file_anew_that_somebody_has_removed() {
    let setup = setup("");
    let server = Background::start(&setup, &[]);
    let path = setup.root().join("pid");
    fs::remove_file(&path).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log("generation 2 is in force");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", server.pid));
    let run = run_k(&setup, "stop");
    assert_eq!(said(&run), (Some(0), format!("proxyd (pid {}) stopped\n", server.pid).as_str()));
    assert!(!path.exists());
}

#[test]
fn the_pid_file_stays_until_the_last_request_has_ended() {
    let (origin, tell) = slow();
    let setup = setup(&format!("ProxyPass / {}/\n", origin.url()));
    let server = Background::start(&setup, &[]);
    let mut client = Client::connect(server.addr);
    client.send_get("/");
    origin.wait_for_requests(1);
    let run = run_k(&setup, "graceful-stop");
    let wanted = format!("proxyd (pid {}) stops when its last request has ended\n", server.pid);
    assert_eq!(said(&run), (Some(0), wanted.as_str()));
    until_true("the port to be closed", || TcpStream::connect(server.addr).is_err());
    let run = run_k(&setup, "start");
    assert_eq!(said(&run), (Some(0), format!("proxyd (pid {}) already running\n", server.pid).as_str()));
    tell.send(()).unwrap();
    assert_eq!(client.response().text(), "at last");
    until_true("the end", || !server.is_running());
    assert!(!setup.root().join("pid").exists());
}

#[test]
fn stop_cuts_what_does_not_end_in_time() {
    let (origin, _tell) = slow();
    let setup =
        setup(&format!("GracefulShutdownTimeout 1\nProxyTimeout 60\nProxyPass / {}/\n", origin.url()));
    let server = Background::start(&setup, &[]);
    let mut client = Client::connect(server.addr);
    client.send_get("/");
    origin.wait_for_requests(1);
    assert_eq!(said(&run_k(&setup, "stop")).0, Some(0));
    assert!(!server.is_running());
    assert!(server.log().contains("ended unclean"), "{}", server.log());
}

#[test]
fn stop_does_not_wait_for_ever() {
    let setup = setup("GracefulShutdownTimeout 1\n");
    let server = Background::start(&setup, &[]);
    server.signal(Signal::STOP);
    let run = run_k(&setup, "stop");
    assert_eq!(said(&run), (Some(1), ""), "{run:?}");
    let wanted = format!("the server with pid {} has not ended in 11 s", server.pid);
    assert!(run.stderr.contains(&wanted), "{run:?}");
    server.signal(Signal::CONT);
    until_true("the end", || !server.is_running());
}

#[test]
fn without_a_pid_file_k_says_which_line_is_missing() {
    let setup = Setup::new(Syntax::Conf, "");
    for action in ACTIONS {
        let run = run_k(&setup, action);
        assert_eq!(said(&run), (Some(1), ""), "{action}: {run:?}");
        assert!(run.stderr.contains("`PidFile /run/proxyd/pid`"), "{action}: {run:?}");
    }
    let run = setup.check(&["-k", "halt"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("graceful-stop"), "{run:?}");
}

#[test]
fn term_to_a_server_that_is_starting_ends_it_with_0() {
    for _ in 0..20 {
        let setup = setup("");
        let mut process = Watched::spawn(setup.command());
        let status = format!("/proc/{}/status", process.pid());
        until_true("a server that takes signals", || {
            let status = fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
            caught & (1 << (Signal::TERM.as_raw() - 1)) != 0
        });
        process.signal(Signal::TERM);
        assert_eq!(process.wait().code(), Some(0), "{}", process.text());
        assert!(!setup.root().join("pid").exists());
    }
}
