//! After an upgrade: bytes both ways, whatever they mean, until both sides have ended or neither says anything.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::clock::nanoseconds;
use crate::executor::Local;
use crate::flow::Source;
use crate::forward::Sides;
use crate::upstream::EndpointConnection;

/// Runs a tunnel to its end. One side's end is passed on as such, and the other may go on (RFC 6455 section 7.1.1
/// has the server close first). Bytes that came early are in the windows and go first.
///
/// Cancel-safe: both connections are closed.
pub(crate) async fn run(
    local: &Local,
    timeout: Duration,
    sides: &mut Sides<'_>,
    mut connection: EndpointConnection<'_>,
) {
    let Some(endpoint) = connection.stream() else { return };
    sides.up.begin(Source::UntilClose, false, false, sides.limits);
    sides.down.begin(Source::UntilClose, false, false, sides.limits);
    let client = &mut sides.client.stream;
    let (mut up_over, mut down_over) = (false, false);
    let mut moved = u64::MAX;
    poll_fn(|cx| {
        let mut spares = local.spares.borrow_mut();
        if !up_over {
            match sides.up.poll_pump(cx, client, endpoint, &mut spares) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => {
                    endpoint.close_write();
                    up_over = true;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
            }
        }
        if !down_over {
            match sides.down.poll_pump(cx, endpoint, client, &mut spares) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => {
                    client.close_write();
                    down_over = true;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
            }
        }
        if up_over && down_over {
            return Poll::Ready(());
        }
        let bytes = sides.up.read + sides.up.written + sides.down.read + sides.down.written;
        if bytes != moved {
            moved = bytes;
            sides.timer.set(local.clock.now().saturating_add(nanoseconds(timeout)));
        }
        sides.timer.poll(cx)
    })
    .await;
}
