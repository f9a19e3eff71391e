//! Access logs: one line a request, of bounded length, put together by the executor that served it. Lines of requests
//! that end together are written together, before the executor waits for anything.

use std::cell::RefCell;
use std::sync::Arc;

use proxy_core::conf::{LogTarget, ServerConf};
use proxy_http::transaction::{Transaction, TransactionLog};

use super::append::Appender;
use super::format::{Facts, Format};
use super::lines::Lines;
use super::stamp::Stamp;

/// The access logs of all servers. A file that slows down or fills up delays nobody's answer: a line is written
/// after its request, and lost if it cannot be.
#[derive(Debug)]
pub(crate) struct AccessLogs {
    /// By place of the server in `ServerConf::servers`.
    servers: Box<[Box<[Log]>]>,
}

#[derive(Clone, Debug)]
struct Log {
    format: Arc<Format>,
    appender: Appender,
}

/// The longest line, its end included. The values that clients choose are shortened each before that.
const LONGEST: usize = 8 * 1024;

/// More than this is not gathered.
const AT_ONCE: usize = 64 * 1024;

impl AccessLogs {
    /// Opens the files, each once however many servers write to it.
    ///
    /// # Errors
    /// The first file that cannot be opened, or a format that cannot be compiled.
    pub(crate) fn open(conf: &ServerConf) -> Result<Self, String> {
        let mut opened: Vec<(&LogTarget, Appender)> = Vec::new();
        let mut servers: Vec<Box<[Log]>> = Vec::new();
        for server in &conf.servers {
            let mut logs = Vec::new();
            for log in server.access_logs.iter().filter(|log| log.target != LogTarget::Off) {
                let format = Format::compile(&log.format).map_err(|unknown| {
                    format!("the log format `{}` has the unknown {}", log.format, unknown.code)
                })?;
                let known = opened.iter().find(|(target, _)| **target == log.target);
                let appender = match known {
                    Some((_, appender)) => appender.clone(),
                    None => Appender::open(&log.target)?,
                };
                opened.push((&log.target, appender.clone()));
                logs.push(Log { format: Arc::new(format), appender });
            }
            // A virtual host that says nothing uses the main server's, as in httpd.
            let inherited = servers.first().filter(|_| server.access_logs.is_empty());
            servers.push(inherited.cloned().unwrap_or_else(|| logs.into()));
        }
        Ok(Self { servers: servers.into() })
    }
}

impl TransactionLog for AccessLogs {
    fn log(&self, _executor: u32, transaction: &Transaction<'_>) -> bool {
        let logs = self.servers.get(transaction.server).map_or(&[][..], |logs| logs);
        if logs.is_empty() {
            return false;
        }
        GATHERED.with_borrow_mut(|gathered| logs.iter().for_each(|log| gathered.add(log, transaction)));
        true
    }

    fn flush(&self, _executor: u32) {
        GATHERED.with_borrow_mut(Gathered::flush);
    }
}

thread_local! {
    static GATHERED: RefCell<Gathered> = const { RefCell::new(Gathered::new()) };
}

/// What a thread has not written yet, of all generations.
struct Gathered {
    stamp: Stamp,
    logs: Vec<(Appender, Lines)>,
    /// Memory for the next ones. What is written keeps no log open.
    spare: Vec<Lines>,
}

impl Gathered {
    const fn new() -> Self {
        Self { stamp: Stamp::access(), logs: Vec::new(), spare: Vec::new() }
    }

    fn add(&mut self, log: &Log, transaction: &Transaction<'_>) {
        let place = self.logs.iter().position(|(appender, _)| appender.is(&log.appender));
        let place = place.unwrap_or_else(|| {
            self.logs.push((log.appender.clone(), self.spare.pop().unwrap_or_default()));
            self.logs.len() - 1
        });
        let lines = &mut self.logs[place].1;
        lines.add(LONGEST, |line| log.format.run(line, &mut Facts { transaction, stamp: &mut self.stamp }));
        if lines.bytes().len() >= AT_ONCE {
            log.appender.append_all(lines);
            lines.clear();
        }
    }

    fn flush(&mut self) {
        for (appender, mut lines) in self.logs.drain(..) {
            appender.append_all(&lines);
            lines.clear();
            self.spare.push(lines);
        }
    }
}
