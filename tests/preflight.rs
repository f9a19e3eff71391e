//! Module files that are right in all that can be seen of them, and would harm the server once they run: each is
//! tried in a process of its own and refused in these words. No file ends `-t`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::module_errors::{fixture, refusal};
use crate::support::config::{Syntax, load_line};
use crate::support::modules;
use crate::support::process::{Run, program, say};
use crate::support::server::Setup;

/// What `-t` says of the module that does `act` when it is loaded, begun or ended (`LOAD`, `INIT`, `FINI`).
fn refused(when: &str, act: &str) -> String {
    let flags = [format!("-DWHEN={when}"), format!("-DACT={act}")];
    let text = refusal("fixture_module", "m.so", fixture("misbehaving", &[&flags[0], &flags[1]]));
    text.strip_prefix("ROOT/m.so: ").unwrap_or_else(|| panic!("{text}")).to_owned()
}

macro_rules! trials {
    ($($name:ident: $when:ident $act:ident => $expected:expr;)+) => {$(
        #[test]
        fn $name() {
            assert_eq!(refused(stringify!($when), stringify!($act)), $expected);
        }
    )+};
}

trials! {
    a_constructor_that_aborts: LOAD ABORT => "loading it ended the process in which it was tried by SIGABRT, and would end the server: copy it again, or mend its constructors";
    a_constructor_that_exits_well: LOAD EXIT_0 => "loading it ended the process in which it was tried with exit code 0, and would end the server: copy it again, or mend its constructors";
    a_constructor_that_exits: LOAD EXIT_3 => "loading it ended the process in which it was tried with exit code 3, and would end the server: copy it again, or mend its constructors";
    a_constructor_that_sleeps: LOAD SLEEP => "loading it did not come to its end within 2 s, and the server would wait for it: copy it again, or mend its constructors";
    a_constructor_that_spins: LOAD SPIN => "loading it did not come to its end within 2 s, and the server would wait for it: copy it again, or mend its constructors";
    a_constructor_that_faults: LOAD FAULT => "loading it ended the process in which it was tried by SIGSEGV, and would end the server: copy it again, or mend its constructors";
    a_constructor_that_overflows_the_stack: LOAD OVERFLOW => "loading it ended the process in which it was tried by SIGSEGV, and would end the server: copy it again, or mend its constructors";
    a_constructor_that_forks: LOAD FORK => "loading it starts a process (system call clone): that is for the server alone, leave it out";
    a_constructor_that_starts_a_program: LOAD EXEC => "loading it starts another program (system call execve): that is for the server alone, leave it out";
    a_constructor_that_opens_a_socket: LOAD SOCKET => "loading it opens a socket (system call socket): that is for the server alone, leave it out";
    a_constructor_that_handles_faults: LOAD HANDLER => "loading it installs a signal handler (system call rt_sigaction): that is for the server alone, leave it out";
    a_constructor_that_starts_a_thread: LOAD THREAD => "loading it starts a thread (system call clone): declare that, by `threads` in module! or by PM_FLAG_THREADS";
    a_constructor_that_signals: LOAD KILL => "loading it sends a signal (system call kill): that is for the server alone, leave it out";
    a_constructor_that_closes_files: LOAD CLOSE => "loading it closes files that others have open: copy it again, or mend its constructors";
    an_end_that_aborts: LOAD AT_EXIT => "its destructor ended the process in which it was tried by SIGABRT, and would end the server: mend its destructors and what it gives to atexit";
    an_init_that_aborts: INIT ABORT => "its init ended the process in which it was tried by SIGABRT, and would end the server: mend its init, which has to do without any directive too";
    an_init_that_exits_well: INIT EXIT_0 => "its init ended the process in which it was tried with exit code 0, and would end the server: mend its init, which has to do without any directive too";
    an_init_that_exits: INIT EXIT_3 => "its init ended the process in which it was tried with exit code 3, and would end the server: mend its init, which has to do without any directive too";
    an_init_that_sleeps: INIT SLEEP => "its init did not come to its end within 2 s, and the server would wait for it: mend its init, which has to do without any directive too";
    an_init_that_faults: INIT FAULT => "its init ended the process in which it was tried by SIGSEGV, and would end the server: mend its init, which has to do without any directive too";
    an_init_that_overflows_the_stack: INIT OVERFLOW => "its init ended the process in which it was tried by SIGSEGV, and would end the server: mend its init, which has to do without any directive too";
    an_init_that_forks: INIT FORK => "its init starts a process (system call clone): that is for the server alone, leave it out";
    an_init_that_starts_a_program: INIT EXEC => "its init starts another program (system call execve): that is for the server alone, leave it out";
    an_init_that_opens_a_socket: INIT SOCKET => "its init opens a socket (system call socket): that is for the server alone, leave it out";
    an_init_that_handles_faults: INIT HANDLER => "its init installs a signal handler (system call rt_sigaction): that is for the server alone, leave it out";
    an_init_that_ignores_a_signal: INIT ON_PIPE => "its init installs a signal handler (system call rt_sigaction): that is for the server alone, leave it out";
    an_init_that_sets_a_timer: INIT TIMER => "its init sets a timer that raises a signal (system call alarm): that is for the server alone, leave it out";
    an_init_that_changes_the_directory: INIT CHDIR => "its init changes what all of the server has in common (system call chdir): that is for the server alone, leave it out";
    an_init_that_starts_a_thread: INIT THREAD => "its init starts a thread (system call clone): declare that, by `threads` in module! or by PM_FLAG_THREADS";
    an_init_that_closes_files: INIT CLOSE => "its init closes files that others have open: mend its init, which has to do without any directive too";
    a_fini_that_aborts: FINI ABORT => "its fini ended the process in which it was tried by SIGABRT, and would end the server: mend its fini";
    a_fini_that_exits_well: FINI EXIT_0 => "its fini ended the process in which it was tried with exit code 0, and would end the server: mend its fini";
}

/// Checks a configuration that loads the fixture from `m.so`.
fn check(prepare: impl FnOnce(&Path)) -> Run {
    let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module m.so\n");
    prepare(setup.root());
    setup.check(&["-t"])
}

#[test]
fn threads_that_are_declared_pass() {
    let run = check(fixture("misbehaving", &["-DWHEN=INIT", "-DACT=THREAD", "-DTHREADS"]));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "Syntax OK\n"));
}

#[test]
fn a_module_that_prints_passes() {
    let run = check(fixture("misbehaving", &["-DWHEN=LOAD", "-DACT=PRINT"]));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "Syntax OK\n"));
    assert_eq!(run.stdout, "printed\n", "once, by the server itself");
}

#[test]
fn no_file_of_the_server_reaches_the_trial() {
    let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module m.so\n");
    fixture("misbehaving", &["-DWHEN=LOAD", "-DACT=FOREIGN_FILES"])(setup.root());
    // One that is not closed when a program is started.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("exec 9</; exec \"$0\" \"$@\"").arg(program());
    shell.arg("-d").arg(setup.root()).arg("-f").arg(setup.config()).arg("-t").stdin(Stdio::null());
    let run = Run::from(shell.output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "Syntax OK\n"));
}

/// Only in a process namespace of its own can that be forbidden for a test alone.
#[test]
fn where_memory_files_may_not_be_executed_a_copy_in_a_directory_is_tried() {
    let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module m.so\n");
    fixture("misbehaving", &["-DWHEN=LOAD", "-DACT=FOREIGN_FILES"])(setup.root());
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--mount-proc", "sh", "-c"]);
    unshare.arg("echo 2 > /proc/sys/vm/memfd_noexec || exit 77; exec \"$0\" \"$@\"").arg(program());
    unshare.arg("-d").arg(setup.root()).arg("-f").arg(setup.config()).arg("-t").stdin(Stdio::null());
    let Ok(output) = unshare.output() else { return say("skipped: unshare not installed") };
    let run = Run::from(output);
    if run.code == Some(77) || run.stderr.starts_with("unshare: ") {
        return say("skipped: executable memory files cannot be forbidden here");
    }
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "Syntax OK\n"));
}

#[test]
fn what_a_trial_prints_is_in_the_log() {
    let file = modules::c("tests/modules/fixtures/misbehaving.c", &["-DWHEN=INIT", "-DACT=PRINT"]);
    let text = load_line("fixture_module", &file);
    let mut server = Setup::new(Syntax::Conf, &text).args(&["-e", "debug"]).start();
    let line = server.wait_for_log("while it was tried");
    assert!(line.ends_with(&format!("{}: while it was tried: printed", file.display())), "{line}");
}

#[test]
fn the_same_bytes_are_tried_once() {
    let file = modules::c("tests/modules/fixtures/good.c", &[]);
    let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module a.so\n").args(&["-e", "debug"]);
    setup.module(&file, "a.so");
    let server = setup.start();
    assert_eq!(server.log_lines(": tried in ").len(), 1);
}

/// Numbers as random as a test needs, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// Checks the good module with each change made to a copy of it; all come to an end of their own.
fn none_ends_the_check(changes: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let begun = Instant::now();
    let setup = Setup::new(Syntax::Conf, "LoadModule fixture_module m.so\n");
    let (mut refused, mut accepted) = (0, 0);
    for (what, bytes) in changes {
        fs::write(setup.root().join("m.so"), bytes).unwrap();
        let run = setup.check(&["-t"]);
        match run.code {
            Some(0) => accepted += 1,
            Some(1) => {
                // Damage to what `init` says is the module's own error, in order.
                let of_init = run.stderr.starts_with("proxyd: fixture_module: ");
                let named = format!("line 2 of {}: ", setup.config().display());
                let named = run.stderr.contains(&named) && run.stderr.contains("m.so");
                assert!(of_init || named, "{what}: {run:?}");
                refused += 1;
            }
            _ => panic!("{what}: {run:?}"),
        }
    }
    let took = begun.elapsed();
    say(&format!("{refused} refused, {accepted} accepted, in {took:?}"));
    assert!(refused > 0);
}

fn good() -> Vec<u8> {
    fs::read(modules::c("tests/modules/fixtures/good.c", &[])).unwrap()
}

#[test]
fn no_beginning_of_a_file_ends_the_check() {
    let good = good();
    none_ends_the_check(
        (0..good.len()).step_by(4096).map(|len| (format!("{len} bytes"), good[..len].to_vec())),
    );
}

/// One bit of the good module each, at places below `end`.
fn flipped(seed: u64, count: usize, end: usize) -> impl Iterator<Item = (String, Vec<u8>)> {
    let (good, mut numbers) = (good(), Numbers(seed));
    let end = end.min(good.len());
    (0..count).map(move |_| {
        let (place, bit) = (numbers.below(end), numbers.below(8));
        let mut bytes = good.clone();
        bytes[place] ^= 1 << bit;
        (format!("bit {bit} of byte {place}, seed {seed}"), bytes)
    })
}

#[test]
fn no_bit_of_the_headers_ends_the_check() {
    let headers = 64 + 56 * usize::from(good()[56]);
    none_ends_the_check(flipped(1, bits(100), headers));
}

#[test]
fn no_bit_of_the_tables_ends_the_check() {
    none_ends_the_check(flipped(2, bits(100), 4096));
}

#[test]
fn no_bit_of_the_rest_ends_the_check() {
    none_ends_the_check(flipped(3, bits(100), usize::MAX));
}

/// How many are tried: `PROXYD_TESTS_BITS`, or else `usual`.
fn bits(usual: usize) -> usize {
    std::env::var("PROXYD_TESTS_BITS").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}
