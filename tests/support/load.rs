//! Many requests by several clients at once, each on a connection that it keeps, and what they were answered.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use super::client::Client;

const CLIENTS: usize = 4;

/// How many requests got which status; 0 stands for a connection that broke, and for an answer that was cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statuses(BTreeMap<u16, usize>);

impl Statuses {
    pub(crate) fn all(&self) -> usize {
        self.0.values().sum()
    }

    pub(crate) fn of(&self, status: u16) -> usize {
        self.0.get(&status).copied().unwrap_or(0)
    }

    /// All that were not answered by 200.
    pub(crate) fn failed(&self) -> usize {
        self.all() - self.of(200)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} failed", self.all(), self.failed())?;
        if self.failed() > 0 {
            write!(f, ": {:?}", self.0)?;
        }
        Ok(())
    }
}

/// Sends `requests` GETs for `/0`, `/1` and so on and waits for each answer. One more for every `abort_every`, if that
/// is not 0, is broken off while its answer is awaited, and counts nowhere.
pub(crate) fn load(addr: SocketAddr, requests: usize, abort_every: usize) -> Statuses {
    let (number, statuses) = (AtomicUsize::new(0), Mutex::new(Statuses::default()));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::connect(addr);
                loop {
                    let number = number.fetch_add(1, Relaxed);
                    if number >= requests {
                        return;
                    }
                    if abort_every != 0 && number % abort_every == 0 {
                        client.try_send(b"GET /aborted HTTP/1.1\r\nHost: a\r\n\r\n");
                        std::mem::replace(&mut client, Client::connect(addr)).reset();
                    }
                    let status = answer(&mut client, number);
                    if status != Some(200) {
                        client = Client::connect(addr);
                    }
                    *statuses.lock().unwrap().0.entry(status.unwrap_or(0)).or_default() += 1;
                }
            });
        }
    });
    statuses.into_inner().unwrap()
}

fn answer(client: &mut Client, number: usize) -> Option<u16> {
    let sent = client.try_send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    let response = client.try_response(false).ok().filter(|response| sent && response.complete)?;
    Some(response.status)
}
