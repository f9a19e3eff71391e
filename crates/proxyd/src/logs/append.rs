//! Files that lines are appended to, one system call a line. Losing lines never stops a request: they are counted,
//! and the loss is told at most once a minute.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use proxy_core::conf::LogTarget;

/// Where lines go. Any thread may write: the system appends each line whole.
#[derive(Debug)]
pub(crate) struct Appender {
    target: Target,
    /// Lines lost since the loss was last told.
    lost: AtomicU64,
    /// When it was, in seconds since the process began to log, plus one; 0 for never.
    told: AtomicU64,
}

#[derive(Debug)]
enum Target {
    Stderr,
    Stdout,
    File(File),
    Off,
}

/// Seconds between two reports of lost lines.
const REPORT_EVERY: u64 = 60;

impl Appender {
    pub(crate) const fn stderr() -> Self {
        Self::new(Target::Stderr)
    }

    /// Opens `target`.
    ///
    /// # Errors
    /// If it is a file that cannot be opened: which, why, and what to do.
    pub(crate) fn open(target: &LogTarget) -> Result<Self, String> {
        Ok(Self::new(match target {
            LogTarget::Stderr => Target::Stderr,
            LogTarget::Stdout => Target::Stdout,
            LogTarget::Off => Target::Off,
            LogTarget::File(path) => Target::File(open(path)?),
        }))
    }

    const fn new(target: Target) -> Self {
        Self { target, lost: AtomicU64::new(0), told: AtomicU64::new(0) }
    }

    /// Appends a line, its end included. A failure is counted; the answer is a report of losses that is due, as
    /// the number of lines and what the system said.
    pub(crate) fn append(&self, line: &[u8]) -> Option<(u64, io::Error)> {
        let written = match &self.target {
            Target::Off => return None,
            Target::Stderr => io::stderr().write(line),
            // Through the buffer, which ends with the line that we flush at once.
            Target::Stdout => write_stdout(line),
            Target::File(file) => (&*file).write(line),
        };
        let error = match written {
            Ok(count) if count == line.len() => return None,
            Ok(_) => io::ErrorKind::WriteZero.into(),
            Err(error) => error,
        };
        self.lost.fetch_add(1, Relaxed);
        self.report_is_due(seconds()).then(|| (self.lost.swap(0, Relaxed), error))
    }

    fn report_is_due(&self, now: u64) -> bool {
        let told = self.told.load(Relaxed);
        let due = told == 0 || now.saturating_sub(told - 1) >= REPORT_EVERY;
        // Of several threads one tells.
        due && self.told.compare_exchange(told, now + 1, Relaxed, Relaxed).is_ok()
    }
}

fn write_stdout(line: &[u8]) -> io::Result<usize> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(line)?;
    stdout.flush()?;
    Ok(line.len())
}

fn open(path: &Path) -> Result<File, String> {
    File::options().create(true).append(true).open(path).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "make its directory",
            io::ErrorKind::PermissionDenied => "let this user write there",
            _ => "name another file",
        };
        format!("log file {} cannot be opened: {error}; {remedy}", path.display())
    })
}

fn seconds() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_loses_lines_and_tells_it_once_a_minute() {
        let full = Appender::open(&LogTarget::File("/dev/full".into())).unwrap();
        let (lost, error) = full.append(b"line\n").expect("the first loss is told");
        assert_eq!((lost, error.kind()), (1, io::ErrorKind::StorageFull));
        assert!(full.append(b"line\n").is_none());
        assert_eq!(full.lost.load(Relaxed), 1);
        let told = full.told.load(Relaxed) - 1;
        assert!(!full.report_is_due(told + REPORT_EVERY - 1));
        assert!(full.report_is_due(told + REPORT_EVERY));
        assert!(!full.report_is_due(told + REPORT_EVERY));
    }

    #[test]
    fn lines_of_several_writers_do_not_mix() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Appender::open(&LogTarget::File(path.clone())).unwrap();
        std::thread::scope(|scope| {
            for letter in [b'a', b'b', b'c'] {
                let line = [vec![letter; 100], vec![b'\n']].concat();
                let log = &log;
                scope.spawn(move || (0..200).for_each(|_| assert!(log.append(&line).is_none())));
            }
        });
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 600);
        assert!(
            text.lines().all(|line| line.len() == 100 && line.bytes().all(|byte| byte == line.as_bytes()[0]))
        );
    }

    #[test]
    fn a_missing_directory_says_what_to_do() {
        let error = Appender::open(&LogTarget::File("/nowhere/at/all/log".into())).unwrap_err();
        assert!(error.contains("/nowhere/at/all/log") && error.contains("make its directory"), "{error}");
    }
}
