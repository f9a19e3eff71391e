//! Access logs: one line a request, of bounded length, put together by the executor that served it.

use std::cell::RefCell;
use std::sync::Arc;

use proxy_core::conf::{LogTarget, ServerConf};
use proxy_http::transaction::{Transaction, TransactionLog};

use super::append::Appender;
use super::format::{Facts, Format};
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

/// Lines longer than this give their memory back.
const KEPT: usize = 16 * 1024;

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
    fn log(&self, _executor: u32, transaction: &Transaction<'_>) {
        let logs = self.servers.get(transaction.server).map_or(&[][..], |logs| logs);
        if logs.is_empty() {
            return;
        }
        LINE.with_borrow_mut(|(line, stamp)| {
            for log in logs {
                line.clear();
                log.format.run(line, &mut Facts { transaction, stamp });
                line.truncate(LONGEST - 1);
                line.push(b'\n');
                log.appender.append(line);
            }
            line.shrink_to(KEPT);
        });
    }
}

thread_local! {
    static LINE: RefCell<(Vec<u8>, Stamp)> = const { RefCell::new((Vec::new(), Stamp::access())) };
}
