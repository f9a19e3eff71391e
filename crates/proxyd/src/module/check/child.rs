//! A test in a process of its own: this program again, with a limit on its time.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use super::catalogue::Test;
use super::rig::Subject;
use super::{Finding, Not};
use crate::child::{Heard, own_program};
use crate::output;
use crate::preflight::signal_name;

/// The line of the answer begins with it; whatever else is printed is the module's.
const MARK: &str = "\u{1e}finding ";

/// Tells the parent, which reads it in [`run`].
pub(super) fn answer(finding: &Finding) {
    let (word, evidence) = match finding {
        Ok(evidence) => ("ok", evidence),
        Err(Not::Failed(evidence)) => ("failed", evidence),
        Err(Not::Skipped(why)) => ("skipped", why),
    };
    // On a line of its own whatever the module printed before; in one line whatever the evidence holds.
    output::result(format_args!("\n{MARK}{word} {}\n", evidence.replace('\n', " | ")));
}

/// Runs a test and waits for its end.
///
/// # Errors
/// If no process can be started.
pub(super) fn run(test: &Test, subject: &Subject) -> Result<Finding, String> {
    let failed = |error| format!("test {} cannot be started: {error}", test.id);
    let mut command = Command::new(own_program());
    command.args(["module", "check", "--one", test.id, "--ident", &subject.ident]);
    command.args(subject.config.iter().flat_map(|line| ["--config", line]));
    command.arg(&subject.file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(failed)?;
    // Its answer may stand behind much that the module has printed.
    let heard = Heard::until_its_end(child, test.limit, usize::MAX).map_err(failed)?;
    Ok(finding(test, heard.ended, &heard.report, &heard.printed))
}

fn finding(test: &Test, status: Option<ExitStatus>, stdout: &str, stderr: &str) -> Finding {
    let Some(status) = status else {
        return Err(Not::Failed(format!("did not end within {} s", test.limit.as_secs())));
    };
    if let Some(signal) = status.signal() {
        let said = stderr.lines().last().unwrap_or_default();
        let colon = if said.is_empty() { "" } else { ": " };
        return Err(Not::Failed(format!("ended by {}{colon}{said}", signal_name(signal))));
    }
    let answer =
        stdout.split_once(MARK).map(|(before, answer)| (before, answer.lines().next().unwrap_or("")));
    let Some((before, answer)) = answer else {
        let code = status.code().unwrap_or_default();
        return Err(Not::Failed(format!("ended the process with exit code {code}: {}", stderr.trim())));
    };
    let (word, evidence) = answer.split_once(' ').unwrap_or((answer, ""));
    let printed = before.trim_end_matches('\n').lines().chain(stderr.lines()).next();
    match (word, printed) {
        ("ok", Some(printed)) if test.id == "C6" => Err(Not::Failed(format!("it printed: {printed}"))),
        ("ok", _) => Ok(evidence.to_owned()),
        ("skipped", _) => Err(Not::Skipped(evidence.to_owned())),
        _ => Err(Not::Failed(evidence.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::check::catalogue::TESTS;

    #[test]
    fn what_ended_a_process_is_named() {
        let test = TESTS.iter().find(|test| test.id == "C22").unwrap();
        let found = |status, stdout| finding(test, status, stdout, "");
        let failed = |text: &str| Err(Not::Failed(text.to_owned()));
        assert_eq!(found(None, ""), failed("did not end within 5 s"));
        assert_eq!(found(Some(ExitStatus::from_raw(11)), ""), failed("ended by SIGSEGV"));
        assert_eq!(
            found(Some(ExitStatus::from_raw(0)), "x\n\u{1e}finding ok 3 picks\n"),
            Ok("3 picks".to_owned())
        );
        assert_eq!(
            found(Some(ExitStatus::from_raw(0x700)), ""),
            failed("ended the process with exit code 7: ")
        );
    }
}
