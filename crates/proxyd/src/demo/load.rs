//! Requests from several clients at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::client::{self, Answer};

type Answers = Vec<Result<Answer, String>>;

/// Clients at work.
pub(super) struct Load {
    sent: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Answers>>,
}

const CLIENTS: usize = 3;

/// Starts clients that send `count` requests between them, each as soon as the one before is answered.
pub(super) fn start(addr: SocketAddr, count: usize) -> Load {
    let sent = Arc::new(AtomicUsize::new(0));
    let client = |_| {
        let sent = Arc::clone(&sent);
        thread::spawn(move || {
            let mut answers = Vec::new();
            while sent.fetch_add(1, Relaxed) < count {
                answers.push(client::get(addr, "/snoop"));
            }
            answers
        })
    };
    let clients = (0..CLIENTS).map(client).collect();
    Load { sent, clients }
}

impl Load {
    /// Waits until so many requests were begun.
    pub(super) fn wait_for(&self, begun: usize) {
        while self.sent.load(Relaxed) < begun {
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// Waits for the end: one answer, or why there is none, for each request.
    pub(super) fn finish(self) -> Answers {
        let answers = self.clients.into_iter().map(JoinHandle::join);
        answers
            .flat_map(|joined| joined.unwrap_or_else(|_| vec![Err("a client panicked".to_owned())]))
            .collect()
    }
}
