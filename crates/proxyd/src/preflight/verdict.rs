//! What the report of a child and its end come to.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use proxy_dso::trial::Trapped;
use proxy_dso::{Cause, Stage};

use super::LIMIT;
use super::filter::{FORBIDDEN, Forbidden};
use crate::child::Heard;

/// Line of the report: the loader does not want it.
pub(super) const LOADER: &str = "loader";
/// Line of the report: it will not do, whoever tries it.
pub(super) const REFUSED: &str = "refused";
/// Line of the report: it was not tried at all.
pub(super) const UNTRIED: &str = "untried";
/// Line of the report: a file of somebody else's is closed.
pub(super) const CLOSES: &str = "closes";

/// Whether the module stood its trial.
///
/// # Errors
/// What it did.
pub(super) fn of(heard: &Heard) -> Result<(), Cause> {
    let mut stage = Stage::Start;
    for line in heard.report.lines() {
        if let Some(reached) = Stage::ALL.into_iter().find(|stage| stage.word() == line) {
            stage = reached;
        } else if let Some(cause) = told(line, stage) {
            return Err(cause);
        }
    }
    match heard.ended {
        _ if stage == Stage::Start => Err(not_begun(heard)),
        None => Err(Cause::TooSlow { stage, seconds: LIMIT.as_secs() }),
        Some(status) => by_end(status, stage),
    }
}

/// It is not the module's doing if its turn never came.
fn not_begun(heard: &Heard) -> Cause {
    let ended = heard.ended.map_or_else(|| "no end".to_owned(), |status| status.to_string());
    let printed = heard.printed.lines().next().map(|line| format!(", {line}"));
    Cause::Untried { error: format!("{ended}{}", printed.unwrap_or_default()) }
}

/// What a line says that is no stage.
fn told(line: &str, stage: Stage) -> Option<Cause> {
    if let Some(trapped) = Trapped::read(line) {
        return Some(trapped_at(stage, &trapped));
    }
    if line == CLOSES {
        return Some(Cause::Closes { stage });
    }
    let (word, text) = line.split_once(' ')?;
    let text = text.to_owned();
    match word {
        LOADER => Some(Cause::Loader { text }),
        REFUSED => Some(Cause::Tried { text }),
        UNTRIED => Some(Cause::Untried { error: text }),
        _ => None,
    }
}

fn trapped_at(stage: Stage, trapped: &Trapped) -> Cause {
    const NO_MODULE: &str = "that is for the server alone, leave it out";
    let is_thread = trapped.call == libc::SYS_clone && trapped.first & i64::from(libc::CLONE_THREAD) != 0;
    match FORBIDDEN.iter().find(|forbidden| forbidden.call == trapped.call) {
        Some(Forbidden { name: call, .. }) if is_thread => {
            let remedy = "declare that, by `threads` in module! or by PM_FLAG_THREADS";
            Cause::Forbidden { stage, act: "starts a thread", call, remedy }
        }
        Some(Forbidden { name: call, act, .. }) => Cause::Forbidden { stage, act, call, remedy: NO_MODULE },
        None => {
            Cause::Forbidden { stage, act: "does what is not allowed", call: "unknown", remedy: NO_MODULE }
        }
    }
}

fn by_end(status: ExitStatus, stage: Stage) -> Result<(), Cause> {
    match (status.signal(), status.code()) {
        // The limit of processor time, which is behind the other one.
        (Some(libc::SIGXCPU), _) => Err(Cause::TooSlow { stage, seconds: LIMIT.as_secs() }),
        (Some(signal), _) => Err(Cause::Died { stage, signal: signal_name(signal) }),
        (None, Some(0)) if stage == Stage::End => Ok(()),
        (None, code) => Err(Cause::Exited { stage, code: code.unwrap_or_default() }),
    }
}

/// The name of a signal.
pub(crate) fn signal_name(signal: i32) -> String {
    const NAMES: [(i32, &str); 12] = [
        (libc::SIGILL, "ILL"),
        (libc::SIGTRAP, "TRAP"),
        (libc::SIGABRT, "ABRT"),
        (libc::SIGBUS, "BUS"),
        (libc::SIGFPE, "FPE"),
        (libc::SIGKILL, "KILL"),
        (libc::SIGSEGV, "SEGV"),
        (libc::SIGPIPE, "PIPE"),
        (libc::SIGTERM, "TERM"),
        (libc::SIGINT, "INT"),
        (libc::SIGXFSZ, "XFSZ"),
        (libc::SIGSYS, "SYS"),
    ];
    match NAMES.iter().find(|(number, _)| *number == signal) {
        Some((_, name)) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(report: &str, ended: Option<i32>) -> Result<(), String> {
        let ended = ended.map(ExitStatus::from_raw);
        of(&Heard { report: report.to_owned(), printed: String::new(), ended })
            .map_err(|cause| cause.to_string())
    }

    const WELL: Option<i32> = Some(0);

    #[test]
    fn only_who_came_to_the_end_passes() {
        assert_eq!(said("load\ninit\nfini\nend\n", WELL), Ok(()));
        for report in ["load\n", "load\ninit\n", "load\ninit\nfini\n", "end of all\n"] {
            assert!(said(report, WELL).is_err(), "{report}");
        }
        assert!(said("load\ninit\nfini\nend\n", Some(11)).is_err());
        assert!(said("load\ninit\nfini\nend\n", Some(0x100)).is_err());
        assert!(said("load\ninit\nfini\nend\ncloses\n", WELL).is_err());
    }

    #[test]
    fn each_end_has_its_words() {
        let error = |report, ended| said(report, ended).unwrap_err();
        assert_eq!(
            error("load\n", Some(6)),
            "loading it ended the process in which it was tried by SIGABRT, and would end the server: copy it \
             again, or mend its constructors"
        );
        assert_eq!(
            error("load\ninit\n", Some(0x300)),
            "its init ended the process in which it was tried with exit code 3, and would end the server: mend its \
             init, which has to do without any directive too"
        );
        assert_eq!(
            error("load\ninit\nfini\n", None),
            "its fini did not come to its end within 2 s, and the server would wait for it: mend its fini"
        );
        let clone = format!("load\ninit\ntrapped {} {}\n", libc::SYS_clone, libc::CLONE_THREAD);
        assert_eq!(
            error(&clone, Some(0x100)),
            "its init starts a thread (system call clone): declare that, by `threads` in module! or by PM_FLAG_THREADS"
        );
        let socket = format!("load\ntrapped {} 2\n", libc::SYS_socket);
        assert_eq!(
            error(&socket, Some(0x100)),
            "loading it opens a socket (system call socket): that is for the server alone, leave it out"
        );
        assert_eq!(
            error("", Some(0x100)),
            "could not be tried in a process of its own (exit status: 1): see to that, and try again"
        );
        assert_eq!(error("load\nrefused is wrong\n", Some(0x100)), "is wrong");
        assert_eq!(
            error("untried no filter\n", Some(0x100)),
            "could not be tried in a process of its own (no filter): see to that, and try again"
        );
    }
}
