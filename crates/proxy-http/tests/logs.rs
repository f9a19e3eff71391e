//! Who is told of requests, and when.

use crate::support::{Peer, Proxy};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn what_ends_together_is_flushed_together() {
    let proxy = Proxy::start("");
    let mut clients: Vec<Peer> = (0..16).map(|_| proxy.client()).collect();
    for client in &mut clients {
        client.send(GET).message();
        assert_eq!(proxy.flushed().len(), 1);
    }
    let held = proxy.hold();
    let (first, others) = clients.split_first_mut().unwrap();
    first.send(GET).message();
    for client in &mut *others {
        client.send(GET);
    }
    drop(held);
    for client in others {
        client.message();
    }
    let mut flushes = Vec::new();
    while flushes.iter().sum::<usize>() < 16 {
        flushes.push(proxy.flushed().len());
    }
    assert!(flushes.len() < 8, "{flushes:?}");
}
