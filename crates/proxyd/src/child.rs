//! This program again, as a child that does something which could harm us: what it reports and prints, and how it ends,
//! all within a time and a size.

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The very program that runs, even if its file was replaced meanwhile.
pub(crate) fn own_program() -> PathBuf {
    let own = Path::new("/proc/self/exe");
    let file = |path: &Path| fs::metadata(path).map(|facts| (facts.dev(), facts.ino())).ok();
    match std::env::current_exe() {
        // Something runs us and is itself what the kernel knows by that name, as valgrind does.
        Ok(path) if file(&path).is_some_and(|named| Some(named) != file(own)) => path,
        _ => own.to_owned(),
    }
}

/// What was heard of a child.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Its standard output: its report.
    pub(crate) report: String,
    /// Its standard error: what it printed otherwise.
    pub(crate) printed: String,
    /// How it ended; none if it was killed for not ending.
    pub(crate) ended: Option<ExitStatus>,
}

/// How often its end is asked for while nothing is heard.
const PAUSE: Duration = Duration::from_millis(20);

impl Heard {
    /// Listens until the child has ended, and kills it after `limit`, or later if it got no processor until then. Of each
    /// of its outputs, which are pipes, `most` bytes are kept.
    ///
    /// # Errors
    /// If the system does not let us listen or wait; the child is killed then.
    pub(crate) fn until_its_end(mut child: Child, limit: Duration, most: usize) -> io::Result<Self> {
        let mut outputs = [Output::new(child.stdout.take(), most), Output::new(child.stderr.take(), most)];
        let ended = listen(&mut child, &mut outputs, &mut Deadline::after(limit));
        if !matches!(ended, Ok(Some(_))) {
            child.kill()?;
            child.wait()?;
        }
        let [report, printed] = outputs.map(|output| String::from_utf8_lossy(&output.kept).into_owned());
        Ok(Self { report, printed, ended: ended? })
    }
}

fn listen(
    child: &mut Child,
    outputs: &mut [Output; 2],
    deadline: &mut Deadline,
) -> io::Result<Option<ExitStatus>> {
    while outputs.iter().any(|output| output.from.is_some()) {
        let is_heard = wait(outputs, deadline.left().min(PAUSE))?;
        // A process of its own making could hold the outputs open.
        if !is_heard && let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if deadline.is_over(child) {
            return Ok(None);
        }
    }
    // Nothing more to be heard: it is about to end, or has closed its outputs.
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if deadline.is_over(child) {
            return Ok(None);
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// When a child is to have ended. One that would run and is not let, as the machine is busy, has longer.
struct Deadline {
    at: Instant,
    last: Instant,
    limit: Duration,
}

impl Deadline {
    fn after(limit: Duration) -> Self {
        let now = Instant::now();
        Self { at: now + limit, last: now + 10 * limit, limit }
    }

    fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    fn is_over(&mut self, child: &Child) -> bool {
        let now = Instant::now();
        if now < self.at {
            return false;
        }
        let is_starved = ran(child).is_some_and(|ran| ran < self.limit / 2);
        self.at = now + PAUSE;
        now >= self.last || !is_starved
    }
}

/// How much of a processor a child has had, if it wants one now.
fn ran(child: &Child) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // The name before them may hold anything.
    let (_, facts) = stat.rsplit_once(") ")?;
    let mut facts = facts.split(' ');
    // Runs or would, or waits for a disk.
    facts.next().filter(|state| matches!(*state, "R" | "D"))?;
    let times = facts.skip(10).take(2).map(|ticks| ticks.parse::<u64>().ok());
    let ticks = times.sum::<Option<u64>>()?;
    // Linux tells programs of a hundred ticks a second, whatever it counts itself.
    Some(Duration::from_millis(ticks * 10))
}

/// Waits until one of the outputs says something, and reads it; whether one did.
fn wait(outputs: &mut [Output; 2], limit: Duration) -> io::Result<bool> {
    let limit = Timespec::try_from(limit).unwrap_or_default();
    let open = outputs.iter().filter_map(|output| output.from.as_ref());
    let mut asked: Vec<PollFd<'_>> =
        open.map(|from| PollFd::from_borrowed_fd(from.as_fd(), PollFlags::IN)).collect();
    match poll(&mut asked, Some(&limit)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let said: Vec<bool> = asked.iter().map(|asked| !asked.revents().is_empty()).collect();
    let open = outputs.iter_mut().filter(|output| output.from.is_some());
    open.zip(said).filter(|(_, said)| *said).try_for_each(|(output, _)| output.read())?;
    Ok(true)
}

trait Source: Read + AsFd {}
impl<T: Read + AsFd> Source for T {}

/// One output, while it is open, and the beginning of what came from it.
struct Output {
    from: Option<Box<dyn Source>>,
    kept: Vec<u8>,
    most: usize,
}

impl Output {
    fn new<S: Source + 'static>(from: Option<S>, most: usize) -> Self {
        let from = from.map(|from| -> Box<dyn Source> { Box::new(from) });
        Self { from, kept: Vec::new(), most }
    }

    /// Reads what is there, once.
    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        let Some(from) = &mut self.from else { return Ok(()) };
        match from.read(&mut bytes) {
            Ok(0) => self.from = None,
            Ok(count) => {
                let room = (self.most - self.kept.len()).min(count);
                self.kept.extend_from_slice(&bytes[..room]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    use super::*;

    fn heard(script: &str, limit: Duration) -> Heard {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Heard::until_its_end(shell.spawn().unwrap(), limit, KEPT).unwrap()
    }

    const KEPT: usize = 8 * 1024;
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(100);

    #[test]
    fn both_outputs_and_the_end_are_heard() {
        let heard = heard("echo a; echo b >&2; echo c; exit 3", LONG);
        assert_eq!((&*heard.report, &*heard.printed), ("a\nc\n", "b\n"));
        assert_eq!(heard.ended.unwrap().code(), Some(3));
    }

    #[test]
    fn who_does_not_end_is_killed() {
        for script in ["exec sleep 600", "exec >&- 2>&-; exec sleep 600", "while :; do echo x; done"] {
            let begun = Instant::now();
            let heard = heard(script, SHORT);
            assert_eq!(heard.ended, None, "{script}");
            assert!(heard.report.len() <= KEPT, "{script}");
            assert!(begun.elapsed() < LONG, "{script}");
        }
    }

    #[test]
    fn who_wants_a_processor_is_told_from_who_waits() {
        let spawn = |script: &str| Command::new("sh").args(["-c", script]).spawn().unwrap();
        let mut busy = spawn("while :; do :; done");
        let begun = Instant::now();
        while ran(&busy).is_none_or(|ran| ran < Duration::from_millis(20)) {
            assert!(begun.elapsed() < LONG, "it never runs");
        }
        busy.kill().unwrap();
        busy.wait().unwrap();
        let mut idle = spawn("exec sleep 600");
        while ran(&idle).is_some() {
            assert!(begun.elapsed() < LONG, "it never waits");
        }
        idle.kill().unwrap();
        idle.wait().unwrap();
    }

    #[test]
    fn who_leaves_somebody_behind_has_ended() {
        let heard = heard("sleep 20 & echo a; kill -SEGV $$", LONG);
        assert_eq!(heard.report, "a\n");
        assert_eq!(heard.ended.unwrap().signal(), Some(11));
    }
}
