//! Where lines of a log go, so that writing never stops a request. A regular file does not keep anybody waiting: lines
//! that come together are one system call on the thread that has them. All else has a reader, who may stop: see
//! `queue`. Lines that could not be written are counted and told (`losses`).

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use proxy_core::conf::LogTarget;

use super::lines::Lines;
use super::losses::Losses;
use super::queue::Queue;
use super::sink::{Identity, Kind, Sink};

/// A log that lines are appended to, each whole, in the order in which a thread has them. Clones are the same log.
#[derive(Clone, Debug)]
pub(crate) enum Appender {
    Off,
    Prompt(Arc<Prompt>),
    Queued(Arc<Queue>),
}

/// Written at once; closed with the last clone, which tells what was lost and nobody was told yet.
#[derive(Debug)]
pub(crate) struct Prompt {
    sink: Sink,
    losses: Arc<Losses>,
}

/// How long the end of the process waits for readers: first for those of other logs, then for the error log's.
const PATIENCE: Duration = Duration::from_millis(500);

/// All destinations of this process: as many as the generations that are alive name, and each reader that one ever
/// named.
static OPENED: Mutex<Opened> = Mutex::new(Opened { prompt: Vec::new(), queues: Vec::new() });

struct Opened {
    prompt: Vec<Weak<Losses>>,
    queues: Vec<Arc<Queue>>,
}

impl Appender {
    /// Opens `target`. What leads to the same reader is one log, by whatever names it is opened.
    ///
    /// # Errors
    /// If it is a file that cannot be opened: which, why, and what to do.
    pub(crate) fn open(target: &LogTarget) -> Result<Self, String> {
        let Some(sink) = Sink::open(target)? else { return Ok(Self::Off) };
        let name = name_of(target);
        let kind = sink.kind().map_err(|error| format!("log file {name} cannot be examined: {error}"))?;
        let mut opened = opened();
        match kind {
            Kind::Prompt => {
                let losses = Arc::new(Losses::of(name));
                opened.prompt.retain(|losses| losses.strong_count() > 0);
                opened.prompt.push(Arc::downgrade(&losses));
                Ok(Self::Prompt(Arc::new(Prompt { sink, losses })))
            }
            Kind::Read(identity) => opened.queue(sink, identity, name).map(Self::Queued),
        }
    }

    /// Appends a line, its end included.
    pub(crate) fn append(&self, line: &[u8]) {
        match self {
            Self::Off => {}
            Self::Prompt(prompt) => prompt.write(line, |_| 1),
            Self::Queued(queue) => queue.push([line]),
        }
    }

    /// Appends lines in their order, of which the system is told once.
    pub(crate) fn append_all(&self, lines: &Lines) {
        match self {
            Self::Off => {}
            Self::Prompt(prompt) => prompt.write(lines.bytes(), |written| lines.count_behind(written)),
            Self::Queued(queue) => queue.push(lines.iter()),
        }
    }

    /// Whether it is the same log.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Off, Self::Off) => true,
            (Self::Prompt(one), Self::Prompt(other)) => Arc::ptr_eq(one, other),
            (Self::Queued(one), Self::Queued(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Whether the error log goes there from now on.
    pub(crate) fn set_holds_errors(&self, holds: bool) {
        if let Some(losses) = self.losses() {
            losses.set_holds_errors(holds);
        }
    }

    fn losses(&self) -> Option<&Losses> {
        match self {
            Self::Off => None,
            Self::Prompt(prompt) => Some(&prompt.losses),
            Self::Queued(queue) => Some(&queue.losses),
        }
    }
}

/// Waits a moment for what has not been written, and tells what was lost. Nothing that is logged later is sure to
/// be written.
pub(crate) fn finish() {
    // A thread that opens a log has no need of this lock while it logs.
    let (prompt, queues) = {
        let opened = opened();
        (opened.prompt.clone(), opened.queues.clone())
    };
    let (errors, others): (Vec<_>, Vec<_>) =
        queues.into_iter().partition(|queue| queue.losses.holds_errors());
    let deadline = Instant::now() + PATIENCE;
    others.iter().for_each(|queue| queue.finish(deadline));
    prompt.iter().filter_map(Weak::upgrade).for_each(|losses| losses.conclude());
    others.iter().for_each(|queue| queue.losses.conclude());
    let deadline = Instant::now() + PATIENCE;
    errors.iter().for_each(|queue| queue.finish(deadline));
}

impl Prompt {
    /// Writes lines; where only some bytes went, `lost` says how many lines did not.
    fn write(&self, lines: &[u8], lost: impl FnOnce(usize) -> u64) {
        match self.sink.write(lines) {
            Ok(()) => self.losses.wrote(),
            Err((written, error)) => self.losses.add(lost(written), &error),
        }
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        self.losses.conclude();
    }
}

impl Opened {
    fn queue(&mut self, sink: Sink, identity: Identity, name: String) -> Result<Arc<Queue>, String> {
        if let Some(known) = self.queues.iter().find(|queue| queue.is(identity)) {
            return Ok(Arc::clone(known));
        }
        let queue = Queue::start(sink, identity, Losses::of(name.clone()))
            .map_err(|error| format!("there is no thread to write the log {name}: {error}"))?;
        self.queues.push(Arc::clone(&queue));
        Ok(queue)
    }
}

fn opened() -> std::sync::MutexGuard<'static, Opened> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name_of(target: &LogTarget) -> String {
    match target {
        LogTarget::File(path) => path.display().to_string(),
        target => format!("{target:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    fn file(path: &std::path::Path) -> Appender {
        Appender::open(&LogTarget::File(path.to_owned())).unwrap()
    }

    #[test]
    fn a_full_disk_loses_lines_and_counts_them() {
        let full = file("/dev/full".as_ref());
        assert!(matches!(full, Appender::Prompt(_)));
        full.append(b"line\n");
        full.append_all(&Lines::of(&["one\n", "another\n"]));
        assert_eq!(full.losses().unwrap().count(), 3);
    }

    #[test]
    fn lines_of_several_writers_do_not_mix() {
        let dir = tempfile::tempdir().unwrap();
        let (path, fifo) = (dir.path().join("log"), dir.path().join("fifo"));
        mkfifoat(CWD, &fifo, Mode::RWXU).unwrap();
        let logs = [file(&path), file(&fifo)];
        assert!(matches!(logs, [Appender::Prompt(_), Appender::Queued(_)]));
        std::thread::scope(|scope| {
            for letter in [b'a', b'b', b'c'] {
                let line = format!("{}\n", char::from(letter).to_string().repeat(100));
                let (logs, lines) = (&logs, Lines::of(&[&line, &line]));
                scope
                    .spawn(move || (0..100).for_each(|_| logs.iter().for_each(|log| log.append_all(&lines))));
            }
        });
        let mut piped = vec![0; 101 * 600];
        std::fs::File::options().read(true).write(true).open(fifo).unwrap().read_exact(&mut piped).unwrap();
        for text in [std::fs::read_to_string(path).unwrap(), String::from_utf8(piped).unwrap()] {
            assert_eq!(text.lines().count(), 600);
            let is_whole =
                |line: &str| line.len() == 100 && line.bytes().all(|byte| byte == line.as_bytes()[0]);
            assert!(text.lines().all(is_whole));
        }
    }

    #[test]
    fn a_fifo_that_nobody_reads_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        mkfifoat(CWD, &fifo, Mode::RWXU).unwrap();
        let (one, same) = (file(&fifo), file(&fifo));
        let line = [b'x'; 1000];
        (0..2000).for_each(|_| one.append(&line));
        let (Appender::Queued(one), Appender::Queued(same)) = (one, same) else {
            panic!("a FIFO has a queue")
        };
        assert!(Arc::ptr_eq(&one, &same), "a reader has one queue");
        assert!(one.losses.count() > 0, "a pipe and a ring do not hold it all");
        one.finish(Instant::now());
        let reader = std::fs::File::options().read(true).write(true).open(&fifo).unwrap();
        let unread = rustix::io::ioctl_fionread(&reader).unwrap();
        // What its writer is at is counted as lost and may have been written in part.
        let (lost, written) = (one.losses.count(), unread.div_ceil(1000));
        assert!((2000..=2004).contains(&(lost + written)), "{lost} lost, {written} written");
    }

    #[test]
    fn what_is_closed_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let first = file(&path);
        let losses = Arc::downgrade(match &first {
            Appender::Prompt(prompt) => &prompt.losses,
            _ => panic!("a file is written at once"),
        });
        drop(first);
        let _second = file(&path);
        assert!(!opened().prompt.iter().any(|known| Weak::ptr_eq(known, &losses)));
    }

    #[test]
    fn a_missing_directory_says_what_to_do() {
        let error = Appender::open(&LogTarget::File("/nowhere/at/all/log".into())).unwrap_err();
        assert!(error.contains("/nowhere/at/all/log") && error.contains("make its directory"), "{error}");
    }
}
