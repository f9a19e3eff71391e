//! The real server, started from a configuration in a directory of its own, at ports that the system chose.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use tempfile::TempDir;

use super::client::{Client, Response};
use super::config::{Balanced, Syntax, lb_line};
use super::process::{Run, Watched, command, run};

/// A configuration about to be started or checked.
pub(crate) struct Setup {
    dir: TempDir,
    syntax: Syntax,
    args: Vec<String>,
    files: Option<u32>,
}

impl Setup {
    /// The configuration as it stands, but for `{lb}`, which becomes the line that loads the round robin,
    /// `{modules}`, the directory of its file, and `{root}`, the directory of this test. ServerRoot is given by `-d`.
    pub(crate) fn verbatim(syntax: Syntax, text: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("proxyd-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let setup = Self { dir, syntax, args: Vec::new(), files: None };
        setup.file(syntax.file_name(), &setup.fill(text));
        setup
    }

    /// With a `Listen` at a port of the system's choice in front.
    pub(crate) fn new(syntax: Syntax, text: &str) -> Self {
        let listen = match syntax {
            Syntax::Conf => "Listen 127.0.0.1:0\n",
            Syntax::Toml => "Listen = \"127.0.0.1:0\"\n",
        };
        Self::verbatim(syntax, &format!("{listen}{text}"))
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.replace("{root}", &self.root().display().to_string());
        if text.contains("{lb}") {
            text = text.replace("{lb}", &lb_line(self.syntax));
        }
        text
    }

    /// Further arguments of the command line.
    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// How many files the server may have open.
    pub(crate) fn open_files(mut self, files: u32) -> Self {
        self.files = Some(files);
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root().join(self.syntax.file_name())
    }

    /// Writes a file below the directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Copies a module's file to where the configuration of a server looks for it.
    pub(crate) fn module(&self, file: &Path, name: &str) -> PathBuf {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(file, &path).unwrap();
        path
    }

    fn all_args(&self) -> Vec<String> {
        let mut args = vec!["-d".to_owned(), self.root().display().to_string()];
        args.extend(["-f".to_owned(), self.config().display().to_string()]);
        args.extend(self.args.iter().cloned());
        args
    }

    /// Runs `proxyd -t` and the like to its end.
    pub(crate) fn check(&self, flags: &[&str]) -> Run {
        let mut args = self.all_args();
        args.extend(flags.iter().map(|&flag| flag.to_owned()));
        run(args)
    }

    /// What starts the server, for a test that has other plans with its output.
    pub(crate) fn command(&self) -> Command {
        let mut command = command(self.files);
        command.args(self.all_args());
        command
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn start(self) -> Server {
        let process = Watched::spawn(self.command());
        self.started(process)
    }

    /// Waits until the server that was started from this in another way listens.
    pub(crate) fn started(self, mut process: Watched) -> Server {
        let line = process.wait_for_line("listening on ");
        let port = line
            .rsplit_once("listening on 127.0.0.1:")
            .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("no port in the line `{line}`"));
        Server { process, addr: (Ipv4Addr::LOCALHOST, port).into(), setup: self }
    }
}

/// A server that listens. It is killed when this goes out of scope; what it logged is shown if the test fails.
pub(crate) struct Server {
    process: Watched,
    addr: SocketAddr,
    setup: Setup,
}

impl Server {
    /// Starts one from httpd's syntax, with a `Listen` in front.
    pub(crate) fn conf(text: &str) -> Self {
        Setup::new(Syntax::Conf, text).start()
    }

    pub(crate) fn balanced(syntax: Syntax, config: &Balanced) -> Self {
        Setup::new(syntax, &config.text(syntax)).start()
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// All that it listens at, in the order of the lines; the first is [`Server::addr`].
    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        let line = self.log_lines("listening on ").remove(0);
        let pieces = line.split("127.0.0.1:").skip(1);
        let ports = pieces.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        ports.map(|digits| (Ipv4Addr::LOCALHOST, digits.parse().unwrap()).into()).collect()
    }

    /// Writes another configuration in place of the one it was started with, in httpd's syntax, with the same `Listen`
    /// in front. Nothing is reloaded.
    pub(crate) fn rewrite(&self, text: &str) {
        let text = self.setup.fill(&format!("Listen 127.0.0.1:0\n{text}"));
        let (config, new) = (self.setup.config(), self.root().join("new.conf"));
        fs::write(&new, text).unwrap();
        // At once: it may be read at any time.
        fs::rename(new, config).unwrap();
    }

    /// Where its configuration is.
    pub(crate) fn config(&self) -> PathBuf {
        self.setup.config()
    }

    pub(crate) fn root(&self) -> &Path {
        self.setup.root()
    }

    /// All that it has logged and printed so far.
    pub(crate) fn log(&self) -> String {
        self.process.text()
    }

    pub(crate) fn wait_for_log(&mut self, part: &str) -> String {
        self.process.wait_for_line(part)
    }

    /// Lines of the log that hold `part`.
    pub(crate) fn log_lines(&self, part: &str) -> Vec<String> {
        self.log().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// One GET on a connection of its own.
    pub(crate) fn get(&self, target: &str) -> Response {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n"))
    }

    /// One POST on a connection of its own.
    pub(crate) fn post(&self, target: &str, body: &[u8]) -> Response {
        let mut client = self.client();
        client.send_post(target, body);
        client.response()
    }

    /// Bytes on a connection of their own, and the first answer to them.
    pub(crate) fn send(&self, bytes: &str) -> Response {
        let mut client = self.client();
        client.send(bytes.as_bytes());
        client.response()
    }

    pub(crate) fn process(&self) -> &Watched {
        &self.process
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits for the end that somebody else has brought about.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let status = self.wait();
        (status, self.log())
    }
}
