//! Answers that we make ourselves.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::clock::nanoseconds;
use crate::connection::Client;
use crate::executor::Local;
use crate::flow::Flow;
use crate::message::{Simple, Version, reason_phrase, write_simple};
use crate::timer::Timer;

/// One of our own answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// A few words for whoever reads the body; holds nothing of the request.
    pub(crate) detail: &'static str,
}

/// How long a client may take for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the answer has to fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) head: bool,
    pub(crate) client: Version,
    pub(crate) close: bool,
}

impl Answer {
    /// Sends it; false if the client did not take it.
    pub(crate) async fn send(
        self,
        form: Form,
        local: &Local,
        client: &mut Client,
        timer: &mut Timer,
        down: &mut Flow,
    ) -> bool {
        down.drop_pending();
        let body = self.body();
        let fields: &[(&[u8], &[u8])] = match self.status {
            200 | 405 => &[(b"Allow", b"GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")],
            503 => &[(b"Retry-After", b"1")],
            _ => &[],
        };
        let simple = Simple {
            status: self.status,
            body: body.as_bytes(),
            head: form.head,
            client: form.client,
            close: form.close,
            date: &local.date(),
            fields,
        };
        write_simple(&mut down.text, &simple);
        if !form.head {
            down.delivered = body.len() as u64;
        }
        timer.set(local.clock.now() + nanoseconds(PATIENCE));
        poll_fn(|cx| match down.poll_write(cx, &mut client.stream) {
            Poll::Ready(written) => Poll::Ready(written.is_ok()),
            Poll::Pending => timer.poll(cx).map(|()| false),
        })
        .await
    }

    fn body(self) -> String {
        match (self.status, self.detail) {
            (200, _) => String::new(),
            (status, "") => format!("{status} {}\n", reason_phrase(status)),
            (status, detail) => format!("{status} {}: {detail}\n", reason_phrase(status)),
        }
    }
}
