//! The order of work within a turn of an executor, which is what it does between two looks at the reactor.

use std::future::poll_fn;
use std::task::Poll;

/// Lets the other tasks that are ready go first, without a look at the reactor; costs no system call.
///
/// Heads that came together are read one after the other, and only then are the requests sent, one after the other. So
/// an endpoint that sleeps is woken once for all of them, which costs the system more than sending to it does, and what
/// reads and what sends each find their code in the processor's caches.
pub(crate) async fn others_first() {
    let mut stood_back = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut stood_back, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
