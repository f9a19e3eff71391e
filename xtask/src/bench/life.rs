//! One life of proxyd: one executor, the round robin loaded as a file, and clients that send it requests.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::rig::{Origin, Programs, Running, free_port};

/// What it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) origin: &'a Origin,
    /// Where its configuration and its logs go.
    pub(crate) dir: &'a Path,
    /// Lines of configuration beside those that all have.
    pub(crate) lines: &'a str,
    /// With an access log.
    pub(crate) log: bool,
}

impl Life<'_> {
    /// Starts it by `command`, which runs proxyd and lacks only the arguments, and waits until it listens.
    ///
    /// # Errors
    /// If it does not; where it says why.
    pub(crate) fn start(&self, mut command: Command) -> Result<(Running, SocketAddr)> {
        let addr = free_port()?;
        let conf = self.dir.join("proxyd.conf");
        fs::write(&conf, self.configuration(addr)).with_context(|| conf.display().to_string())?;
        let output = self.dir.join("proxyd.out");
        let file = File::create(&output).with_context(|| output.display().to_string())?;
        command.arg("-d").arg(self.dir).arg("-f").arg(&conf);
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut running = Running::new(child);
        running.wait_for(addr).with_context(|| format!("proxyd: see {}", output.display()))?;
        Ok((running, addr))
    }

    fn configuration(&self, addr: SocketAddr) -> String {
        let mut text = format!(
            "Listen {addr}\nExecutors 1\nErrorLog {}\nLogLevel warn\nLoadModule proxy_lb_module {}\n{}",
            self.dir.join("error.log").display(),
            self.programs.module.display(),
            self.lines
        );
        for origin in &self.origin.addrs {
            let _ = writeln!(text, "LBServerCluster origins http://{origin}");
        }
        text.push_str("LBProxyPass / origins\n");
        if self.log {
            let _ = writeln!(text, "CustomLog {} combined", self.dir.join("access.log").display());
        }
        text
    }

    /// Sends what `words` say, as the clients know them, to `addr`; the requests that were answered.
    ///
    /// # Errors
    /// If one was not.
    pub(crate) fn send(&self, addr: SocketAddr, words: &[&str]) -> Result<u64> {
        let mut clients = self.programs.load();
        let sent = clients.arg(format!("addr={addr}")).args(words).stderr(Stdio::piped()).output();
        let sent = sent.context("the clients cannot be started")?;
        let said = String::from_utf8_lossy(&sent.stdout);
        let answered = answered(&said).filter(|_| sent.status.success());
        answered.with_context(|| {
            let told = String::from_utf8_lossy(&sent.stderr);
            format!("{}: {} {}", words.join(" "), said.trim(), told.trim())
        })
    }

    /// The same for `requests`, no more and no less.
    ///
    /// # Errors
    /// If one was not answered.
    pub(crate) fn send_counted(&self, addr: SocketAddr, words: &[&str], requests: u64) -> Result<()> {
        let count = format!("count={requests}");
        let words: Vec<&str> = words.iter().copied().chain([&*count]).collect();
        let answered = self.send(addr, &words)?;
        if answered != requests {
            bail!("{}: {answered} were answered", words.join(" "));
        }
        Ok(())
    }
}

/// The requests of a report without errors.
fn answered(report: &str) -> Option<u64> {
    let value = |key: &str| -> Option<u64> {
        report.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))?.parse().ok()
    };
    (value("errors")? == 0).then(|| value("requests"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_with_errors_counts_for_nothing() {
        assert_eq!(answered("requests=300 errors=0 reopened=1 seconds=2.0\n"), Some(300));
        assert_eq!(answered("requests=299 errors=1 reopened=0\n"), None);
        assert_eq!(answered(""), None);
    }
}
