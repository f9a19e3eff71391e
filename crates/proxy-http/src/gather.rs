//! Parts of a message that lie in different places and leave in one call.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use crate::stream::Stream;

/// Parts that are no longer together are copied side by side: a call that gathers costs the system more than that.
const SMALL: usize = 4096;

/// Kept for its memory.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    joined: Vec<u8>,
}

impl Gather {
    /// Writes some of `parts`, which are not all empty.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Stream,
        parts: [&[u8]; 3],
    ) -> Poll<io::Result<usize>> {
        let [head, content, tail] = parts;
        match parts.map(<[u8]>::is_empty) {
            [false, true, true] => to.poll_write(cx, head),
            [true, false, true] => to.poll_write(cx, content),
            [true, true, _] => to.poll_write(cx, tail),
            _ if head.len() + content.len() + tail.len() <= SMALL => {
                self.joined.clear();
                parts.iter().for_each(|part| self.joined.extend_from_slice(part));
                to.poll_write(cx, &self.joined)
            }
            _ => to.poll_write_parts(cx, &parts.map(IoSlice::new)),
        }
    }
}
