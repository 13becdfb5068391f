//! Frames that came in the same turn, written together: each write costs the server a system call.

use bytes::{Bytes, BytesMut};

/// Frames are joined up to this size.
pub(super) const JOINED: usize = 16 * 1024;
/// The last one goes past that: with room for it, the buffer is not doubled for its sake.
const ROOM: usize = JOINED + 4 * 1024;

/// See the module.
#[derive(Default)]
pub(super) struct Joined {
    first: Bytes,
    all: BytesMut,
}

impl Joined {
    pub(super) fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if self.len() == 0 {
            self.first = bytes;
            return;
        }
        if self.all.is_empty() {
            self.all.reserve(ROOM.max(self.first.len() + bytes.len()));
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
}
