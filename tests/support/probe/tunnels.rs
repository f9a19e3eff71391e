//! WebSockets through the server to the origin of a probe: each sends a nonce every second and wants it back, and none
//! may ever end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::client::Client;

/// Between two nonces of one.
const PERIOD: Duration = Duration::from_secs(1);

/// Tunnels that are open.
pub(crate) struct Tunnels {
    count: usize,
    is_over: Arc<AtomicBool>,
    echoed: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Tunnels {
    pub(crate) fn open(addr: SocketAddr, count: usize) -> Self {
        let clients = (0..count).map(|_| open(addr)).collect();
        let (is_over, echoed) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let thread = {
            let (is_over, echoed) = (Arc::clone(&is_over), Arc::clone(&echoed));
            thread::spawn(move || talk(clients, &is_over, &echoed))
        };
        Self { count, is_over, echoed, thread }
    }

    /// Ends them; how many nonces came back.
    ///
    /// # Panics
    /// If one of the tunnels broke, or too few nonces came back for the time.
    pub(crate) fn end(self) -> usize {
        self.is_over.store(true, Relaxed);
        self.thread.join().expect("no tunnel breaks");
        let echoed = self.echoed.load(Relaxed);
        assert!(echoed >= self.count, "{echoed} nonces came back through {} tunnels", self.count);
        echoed
    }
}

fn open(addr: SocketAddr) -> Client {
    let mut client = Client::connect(addr);
    client.send(b"GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 101, "{}", response.head);
    client
}

/// One after the other, so that each is asked once a period; in the end each is asked once more.
fn talk(mut clients: Vec<Client>, is_over: &AtomicBool, echoed: &AtomicUsize) {
    let (began, step) = (Instant::now(), PERIOD / u32::try_from(clients.len()).unwrap());
    let mut due = Duration::ZERO;
    let mut is_last = false;
    while !is_last {
        is_last = is_over.load(Relaxed);
        for (place, client) in clients.iter_mut().enumerate() {
            let nonce = format!("{:08}{place:08}", echoed.load(Relaxed));
            client.send(nonce.as_bytes());
            assert_eq!(client.bytes(nonce.len()), nonce.as_bytes(), "tunnel {place}");
            echoed.fetch_add(1, Relaxed);
            due += step;
            if !is_over.load(Relaxed) {
                thread::sleep(due.saturating_sub(began.elapsed()));
            }
        }
    }
}
