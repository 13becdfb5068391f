//! What becomes of one call in the journal, from its intent to its end.

use std::io;

use super::frame::{self, HEAD};
use super::writer::Writer;
use super::{Closing, JournalError, Opening, Written, encode};
use crate::domain::tenant::CallId;

/// A call whose end is not written yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Where in the log its intent is.
    pub(super) at: u64,
    bytes: usize,
    /// What is reserved for its end.
    room: u64,
    delivered: i64,
}

const LARGEST_PROGRESS: usize = HEAD + 32;

impl Writer {
    pub(super) fn intend(&mut self, opening: &Opening) -> Result<Written, JournalError> {
        self.admits()?;
        let start = self.unsynced.len();
        encode::intent(&mut self.unsynced, opening);
        let bytes = self.unsynced.len() - start;
        let room = (bytes + encode::MOST_CLOSING) as u64;
        let written = self.put(start, room)?;
        let open = Open {
            at: self.end - bytes as u64,
            bytes,
            room,
            delivered: 0,
        };
        self.forget(opening.id);
        self.open.insert(opening.id, open);
        self.reserved += room;
        Ok(written)
    }

    pub(super) fn progress(&mut self, id: CallId, delivered: i64) -> Result<Written, JournalError> {
        if let Some(open) = self.open.get_mut(&id) {
            open.delivered = open.delivered.max(delivered);
        }
        self.admits()?;
        let start = self.unsynced.len();
        encode::progress(&mut self.unsynced, id, delivered);
        self.put(start, 0)
    }

    pub(super) fn settle(
        &mut self,
        opening: &Opening,
        closing: &Closing,
    ) -> Result<Written, JournalError> {
        let room = self.open.get(&opening.id).map_or(0, |open| open.room);
        self.reserved = self.reserved.saturating_sub(room);
        let start = self.unsynced.len();
        encode::settle(&mut self.unsynced, opening, closing);
        let written = self.put(start, 0);
        if written.is_ok() {
            self.open.remove(&opening.id);
            self.settled += 1;
        } else {
            self.reserved += room;
        }
        written
    }

    pub(super) fn forget(&mut self, id: CallId) {
        if let Some(open) = self.open.remove(&id) {
            self.reserved = self.reserved.saturating_sub(open.room);
        }
    }

    /// Writes what is known of an open call once more, where the log ends now. Takes no new segment.
    pub(super) fn carry(&mut self, id: CallId) -> io::Result<()> {
        let Some(open) = self.open.get(&id).copied() else {
            return Ok(());
        };
        let body = self.log.read(open.at, open.bytes)?;
        if !self.fits((open.bytes + LARGEST_PROGRESS) as u64) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let start = self.unsynced.len();
        frame::begin(&mut self.unsynced);
        self.unsynced.extend_from_slice(&body);
        self.put(start, 0).map_err(io::Error::other)?;
        if let Some(carried) = self.open.get_mut(&id) {
            carried.at = self.end - open.bytes as u64;
        }
        if open.delivered > 0 {
            self.progress(id, open.delivered)
                .map_err(io::Error::other)?;
        }
        Ok(())
    }
}
