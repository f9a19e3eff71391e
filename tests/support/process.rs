//! The program under test as a child: run to its end, or run and watched.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use super::wait::{until, until_true};

/// The program: the one that cargo built beside the tests, or what `PROXYD_BIN` names.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("PROXYD_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_proxyd")), PathBuf::from)
}

/// Runs the program to its end.
pub(crate) fn run<I: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = I>) -> Run {
    let output = command(None).args(args).stdin(Stdio::null()).output().unwrap();
    Run::from(output)
}

/// The program, in an environment that holds nothing of the caller's that it reads.
/// `files` limits how many it may have open.
pub(crate) fn command(files: Option<u32>) -> Command {
    let mut command = match files {
        None => Command::new(program()),
        Some(files) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("ulimit -n {files}; exec \"$0\" \"$@\"")).arg(program());
            shell
        }
    };
    for name in ["PROXYD_CONF", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"] {
        command.env_remove(name);
    }
    command
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A child whose output is kept, and which is killed when this goes out of scope.
pub(crate) struct Watched {
    child: Child,
    text: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Watched {
    pub(crate) fn spawn(command: Command) -> Self {
        Self::spawn_with(command, Stdio::null())
    }

    /// With something on its standard input.
    pub(crate) fn spawn_with(mut command: Command, stdin: Stdio) -> Self {
        let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let text = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            keep_lines(child.stdout.take().unwrap(), Arc::clone(&text)),
            keep_lines(child.stderr.take().unwrap(), Arc::clone(&text)),
        ];
        Self { child, text, readers }
    }

    /// Everything that it has printed.
    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// The first line that holds `part`.
    pub(crate) fn wait_for_line(&mut self, part: &str) -> String {
        until(&format!("a line with `{part}`"), || {
            let text = self.text();
            let found = text.lines().find(|line| line.contains(part)).map(str::to_owned);
            if found.is_none()
                && let Some(status) = self.child.try_wait().unwrap()
            {
                // What it wrote last may still be on its way.
                self.readers.drain(..).for_each(|reader| reader.join().unwrap());
                let text = self.text();
                let found = text.lines().find(|line| line.contains(part)).map(str::to_owned);
                assert!(
                    found.is_some(),
                    "ended with {status} before a line with `{part}`; it printed:\n{text}"
                );
                return found;
            }
            found
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, and for the last of what it wrote.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = until("the end of the program", || self.child.try_wait().unwrap());
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        status
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The value of a line of `/proc/PID/status`, in KiB: `VmHWM`, `RssAnon` and the like.
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        if std::thread::panicking() {
            say(&format!("--- what pid {} printed:\n{}---", self.pid(), self.text()));
        }
    }
}

#[expect(clippy::print_stderr, reason = "shown by the test runner when a test fails")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

fn keep_lines(output: impl Read + Send + 'static, text: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            text.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

/// A file once it holds `part`.
pub(crate) fn wait_for_file(path: &Path, part: &str) -> String {
    until_true(&format!("`{part}` in {}", path.display()), || {
        fs::read_to_string(path).is_ok_and(|text| text.contains(part))
    });
    fs::read_to_string(path).unwrap()
}
