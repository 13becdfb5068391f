//! Frames that wait to be written together: each write costs the server a system call.

use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

/// Frames are joined up to this size.
pub(super) const JOINED: usize = 16 * 1024;
/// The connection's task hands over one frame a turn, so a burst is seen only by letting it run.
/// Two turns make a burst of 50 events cost what nginx's does; measured in docs/performance.md.
const TURNS: u8 = 2;

/// See the module.
#[derive(Default)]
pub(super) struct Joined {
    first: Bytes,
    all: BytesMut,
    turns: u8,
}

impl Joined {
    pub(super) fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.turns = 0;
        if self.len() == 0 {
            self.first = bytes;
            return;
        }
        if self.all.is_empty() {
            self.all.reserve(JOINED.max(self.first.len() + bytes.len()));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&bytes);
    }

    pub(super) fn take(&mut self) -> Option<Bytes> {
        let bytes = if self.all.is_empty() {
            std::mem::take(&mut self.first)
        } else {
            self.all.split().freeze()
        };
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Lets the connection's task run before what is here goes out.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.len() == 0 {
            return Poll::Pending;
        }
        if self.turns < TURNS {
            self.turns += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.take())
    }
}
