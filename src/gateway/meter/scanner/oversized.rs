//! Events too large to be kept until they are complete: such an event passes unseen, and only where it
//! ends is found out.

use bytes::{Bytes, BytesMut};

use super::Scanner;

impl Scanner {
    /// What was withheld goes on: it is not hidden any more.
    pub(super) fn release(&mut self, forwarded: Bytes) -> Bytes {
        let all = if self.hides_usage && !self.pending.is_empty() {
            let mut all = BytesMut::from(forwarded);
            all.extend_from_slice(&self.pending);
            all.freeze()
        } else {
            forwarded
        };
        if self.seen.is_done {
            self.pending.clear();
        } else {
            self.keep_last();
        }
        all
    }

    /// Where the oversized event ends in `bytes`, behind which all is looked at again.
    pub(super) fn end_of_oversized(&mut self, bytes: &[u8]) -> Option<usize> {
        let before = self.pending.len();
        self.pending.extend_from_slice(bytes);
        let Some(end) = self.framing.next_end(&self.pending) else {
            self.keep_last();
            return None;
        };
        self.is_blind = false;
        self.pending.clear();
        self.framing.skip_to(0);
        Some(end.saturating_sub(before))
    }

    /// Of what has passed two bytes tell all that an end depends on: whether a line begins there, and
    /// whether a CR may be half of its end.
    fn keep_last(&mut self) {
        let gone = self.pending.len().saturating_sub(2);
        self.framing.forget(gone);
        let _ = self.pending.split_to(gone);
    }
}
