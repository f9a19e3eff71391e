//! The numbers of an executor's client sockets, for a thread that ends them where the executor cannot: one that is stuck
//! in a module reads from nobody, and those who wait for it would wait in vain.

use std::io;
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::net::{Shutdown, shutdown};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// By the places of the connections. A number is here only while its socket is open, so that it means no other file.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    numbers: Mutex<Vec<Option<RawFd>>>,
}

impl Sockets {
    /// The client at `slot` has the socket `number`.
    pub(super) fn remember(&self, slot: usize, number: RawFd) {
        let mut numbers = self.numbers();
        if numbers.len() <= slot {
            numbers.resize(slot + 1, None);
        }
        numbers[slot] = Some(number);
    }

    /// That socket is about to be closed.
    pub(super) fn forget(&self, slot: usize) {
        if let Some(number) = self.numbers().get_mut(slot) {
            *number = None;
        }
    }

    /// Ends the connections of all clients, who see it at once, and says how many there were. Any thread; none of the
    /// sockets is closed meanwhile, as forgetting it waits.
    ///
    /// # Errors
    /// If the system does not let this process have its own files twice.
    pub(super) fn end_all(&self) -> io::Result<usize> {
        let (numbers, own) = (self.numbers(), pidfd_open(getpid(), PidfdFlags::empty())?);
        let mut ended = 0;
        for number in numbers.iter().flatten() {
            let socket = pidfd_getfd(&own, *number, PidfdGetfdFlags::empty())?;
            // Where the client has gone already there is nothing to end.
            ended += usize::from(shutdown(&socket, Shutdown::Both).is_ok());
        }
        Ok(ended)
    }

    fn numbers(&self) -> MutexGuard<'_, Vec<Option<RawFd>>> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn those_that_are_there_end_and_others_do_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pair = || {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (client, listener.accept().unwrap().0)
        };
        let (mut ended, one) = pair();
        let (forgotten, other) = pair();
        let sockets = Sockets::default();
        sockets.remember(3, one.as_raw_fd());
        sockets.remember(0, other.as_raw_fd());
        sockets.forget(0);
        assert_eq!(sockets.end_all().unwrap(), 1);
        assert_eq!(ended.read(&mut [0]).unwrap(), 0);
        forgotten.set_nonblocking(true).unwrap();
        assert_eq!((&forgotten).read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
