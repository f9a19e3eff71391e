//! Unix sockets: one at which the origin of a test answers, and one at which nobody has time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use tempfile::TempDir;

/// A unix socket whose connections lead to an address. Whoever connects meets what that address does.
pub(crate) struct Bridge {
    dir: TempDir,
    ended: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Bridge {
    pub(crate) fn to(addr: SocketAddr) -> Self {
        let dir = TempDir::new().unwrap();
        let listener = UnixListener::bind(path(&dir)).unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let accepting = {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(near) = stream else { continue };
                    let far = TcpStream::connect(addr).unwrap();
                    relay(near, far).unwrap();
                }
            })
        };
        Self { dir, ended, accepting: Some(accepting) }
    }

    /// What a configuration calls it, by this URL.
    pub(crate) fn url(&self, url: &str) -> String {
        format!("unix:{}|{url}", self.path().display())
    }

    pub(crate) fn path(&self) -> PathBuf {
        path(&self.dir)
    }

    /// Nobody listens any more; the file stays.
    pub(crate) fn stop(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread out of accepting.
        drop(UnixStream::connect(self.path()));
        accepting.join().unwrap();
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.stop();
    }
}

fn path(dir: &TempDir) -> PathBuf {
    dir.path().join("origin.sock")
}

/// Passes on what comes, and the end of it, both ways.
fn relay(near: UnixStream, far: TcpStream) -> io::Result<()> {
    far.set_nodelay(true)?;
    let (near_too, far_too) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || {
        pass_on(near, &far);
        drop(far.shutdown(Shutdown::Write));
    });
    thread::spawn(move || {
        pass_on(far_too, &near_too);
        drop(near_too.shutdown(Shutdown::Write));
    });
    Ok(())
}

fn pass_on(mut from: impl Read, mut to: impl Write) {
    // How it ends is seen at both sides.
    drop(io::copy(&mut from, &mut to));
}

/// A unix socket that listens, with no room for one more connection.
pub(crate) struct FullSocket {
    dir: TempDir,
    _listener: rustix::fd::OwnedFd,
    _waiting: Vec<rustix::fd::OwnedFd>,
}

impl FullSocket {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let address = SocketAddrUnix::new(path(&dir)).unwrap();
        let socket =
            || socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        let listener = socket();
        bind(&listener, &address).unwrap();
        listen(&listener, 0).unwrap();
        let waiting = std::iter::repeat_with(socket).take_while(|socket| connect(socket, &address).is_ok());
        let waiting = waiting.collect();
        Self { dir, _listener: listener, _waiting: waiting }
    }

    pub(crate) fn url(&self) -> String {
        unix_url(&path(&self.dir))
    }
}

/// What a configuration calls the socket at a path.
pub(crate) fn unix_url(path: &Path) -> String {
    format!("unix:{}|http://a", path.display())
}
