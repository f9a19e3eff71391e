//! The name cache that all executors share. A name that is not there is looked up once, on a thread of its own,
//! whoever waits for it; nobody waits longer than a connection may take. Addresses are not names and never come
//! here.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// How long an answer is used.
const GOOD: Duration = Duration::from_secs(10);
/// How long the lack of one is.
const BAD: Duration = Duration::from_secs(1);
/// Addresses of one name that are used.
const MOST_ADDRESSES: usize = 64;

/// Addresses by name.
#[derive(Clone, Default)]
pub struct NameCache {
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
}

impl fmt::Debug for NameCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameCache").field("names", &self.lock().len()).finish()
    }
}

/// What a name stands for.
pub(crate) type Addresses = Arc<[IpAddr]>;

/// A name has no address, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NameError(Arc<str>);

enum Entry {
    /// A thread looks it up; these wait for it.
    UnderWay(Vec<Waker>),
    Known {
        addresses: Result<Addresses, NameError>,
        until: Instant,
    },
}

impl NameCache {
    /// The addresses of `name`, never none. Dropping the future leaves the lookup to those who still wait.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Addresses, NameError> {
        poll_fn(|cx| self.poll(cx, name)).await
    }

    fn poll(&self, cx: &Context<'_>, name: &str) -> Poll<Result<Addresses, NameError>> {
        let mut entries = self.lock();
        match entries.get_mut(name) {
            Some(Entry::Known { addresses, until }) if Instant::now() < *until => {
                return Poll::Ready(addresses.clone());
            }
            Some(Entry::UnderWay(waiting)) => {
                if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    waiting.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            _ => {}
        }
        entries.insert(name.to_owned(), Entry::UnderWay(vec![cx.waker().clone()]));
        drop(entries);
        if let Err(error) = self.look_up(name.to_owned()) {
            let error = NameError(format!("no thread to look it up: {error}").into());
            self.learn(name, Err(error.clone()));
            return Poll::Ready(Err(error));
        }
        Poll::Pending
    }

    fn look_up(&self, name: String) -> io::Result<()> {
        let cache = self.clone();
        let work = move || {
            let found = system_lookup(&name);
            cache.learn(&name, found);
        };
        thread::Builder::new().name("proxyd-names".to_owned()).spawn(work).map(drop)
    }

    fn learn(&self, name: &str, addresses: Result<Addresses, NameError>) {
        let lifetime = if addresses.is_ok() { GOOD } else { BAD };
        let known = Entry::Known { addresses, until: Instant::now() + lifetime };
        let before = self.lock().insert(name.to_owned(), known);
        if let Some(Entry::UnderWay(waiting)) = before {
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn system_lookup(name: &str) -> Result<Addresses, NameError> {
    // The port plays no part; the system's order of addresses (RFC 6724) is kept.
    let found = (name, 0).to_socket_addrs().map_err(|error| NameError(error.to_string().into()))?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|addr| addr.ip()) {
        if !addresses.contains(&address) && addresses.len() < MOST_ADDRESSES {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(NameError("it has no address".into()));
    }
    Ok(addresses.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_name_is_looked_up_and_remembered() {
        let names = NameCache::default();
        let found = block_on(names.resolve("localhost")).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
        assert!(
            Arc::ptr_eq(&found, &block_on(names.resolve("localhost")).unwrap()),
            "the second is the first"
        );
    }

    #[test]
    fn the_lack_of_a_name_is_remembered_too() {
        let names = NameCache::default();
        let error = block_on(names.resolve("no-such-name.invalid")).unwrap_err();
        assert!(Arc::ptr_eq(&error.0, &block_on(names.resolve("no-such-name.invalid")).unwrap_err().0));
    }

    #[test]
    fn those_who_wait_share_one_lookup() {
        let names = NameCache::default();
        names.lock().insert("busy".to_owned(), Entry::UnderWay(Vec::new()));
        let other = names.clone();
        let waiting = thread::spawn(move || block_on(other.resolve("busy")));
        while !matches!(names.lock().get("busy"), Some(Entry::UnderWay(waiting)) if waiting.len() == 1) {
            thread::yield_now();
        }
        let addresses: Addresses = vec![IpAddr::from([127, 0, 0, 1])].into();
        names.learn("busy", Ok(Arc::clone(&addresses)));
        assert!(Arc::ptr_eq(&waiting.join().unwrap().unwrap(), &addresses));
    }
}
