//! What is behind the journal's one lock: where the next record goes, and what is promised to calls
//! that are open. The segment that is being written always has room for all their ends, so an end
//! that was promised room never needs more than one write.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::disk::Disk;
use super::frame::{self, HEAD, MOST_BODY, Place};
use super::log::Log;
use super::reader::Position;
use super::segment::Segment;
use super::{Backlog, Closing, JournalError, Opening, Written, encode};
use crate::domain::tenant::CallId;
use crate::killpoint::{self, Killpoint};

/// See the module.
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    pub(super) log: Log,
    /// Whether the last segment of the log is there to be written.
    pub(super) is_housed: bool,
    /// What is written next, made ahead.
    pub(super) spare: Option<Segment>,
    /// Segments that were given up and are written anew, to be deleted.
    pub(super) superseded: Vec<Segment>,
    /// Why there is no spare segment.
    pub(super) lack: Option<JournalError>,
    pub(super) end: u64,
    /// Up to where the log is on the disk.
    pub(super) synced: u64,
    pub(super) synced_place: Place,
    /// What is behind that, to be written anew if the disk fails. New records are made at its end.
    pub(super) unsynced: Vec<u8>,
    pub(super) is_dirty: bool,
    /// Why calls are refused until a sync succeeds.
    pub(super) failure: Option<JournalError>,
    pub(super) open: HashMap<CallId, Open>,
    reserved: u64,
    settled: u64,
    marked: Position,
    pub(super) wants_spare: bool,
}

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

/// What a call and its end need, if there is nothing unusual about it.
const TYPICAL_CALL: u64 = 2048;
const LARGEST_PROGRESS: usize = HEAD + 32;

impl Writer {
    pub(super) fn new(disk: Arc<dyn Disk>, segment_bytes: u64) -> Self {
        Self {
            disk,
            segment_bytes,
            log: Log::default(),
            is_housed: false,
            spare: None,
            superseded: Vec::new(),
            lack: None,
            end: 0,
            synced: 0,
            synced_place: Place::default(),
            unsynced: Vec::new(),
            is_dirty: false,
            failure: None,
            open: HashMap::new(),
            reserved: 0,
            settled: 0,
            marked: Position::default(),
            wants_spare: true,
        }
    }

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

    /// Whether new calls may be written down.
    pub(super) fn health(&self) -> Result<(), JournalError> {
        self.admits()?;
        if self.fits(TYPICAL_CALL) || self.spare.is_some() {
            return Ok(());
        }
        Err(self.shortage())
    }

    pub(super) fn backlog(&self) -> Backlog {
        Backlog {
            bytes: self.end.saturating_sub(self.marked.at),
            settled: self.settled.saturating_sub(self.marked.settled),
        }
    }

    /// Moves the mark, which never goes back.
    pub(super) fn mark(&mut self, position: Position) {
        self.marked = self.marked.max(position);
    }

    /// Takes note of segments that are in the store by now.
    pub(super) fn book(&mut self, now: Instant) {
        self.log.book(self.marked.at, now);
    }

    pub(super) fn marked(&self) -> Position {
        self.marked
    }

    /// Where the mark is on the disk, if it is anywhere.
    pub(super) fn marked_place(&self) -> Option<Place> {
        self.log.place(self.marked.at)
    }

    fn admits(&self) -> Result<(), JournalError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.unsynced.len() as u64 > self.segment_bytes / 4 {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        Ok(())
    }

    /// Writes the record that begins at `start` of the unsynced ones, and leaves `behind` bytes for
    /// what follows from it. A record that cannot be written is as if it had never been made.
    fn put(&mut self, start: usize, behind: u64) -> Result<Written, JournalError> {
        let put = self.try_put(start, behind);
        if put.is_err() {
            self.unsynced.truncate(start);
        }
        put
    }

    fn try_put(&mut self, start: usize, behind: u64) -> Result<Written, JournalError> {
        let bytes = self.unsynced.len() - start;
        if bytes > HEAD + MOST_BODY {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        }
        self.find_room(bytes as u64 + behind)?;
        let record = self.unsynced.get_mut(start..).unwrap_or_default();
        frame::seal(record, self.synced_place);
        if let Err(error) = self.write(start) {
            // The place may be bad; what failed halfway stays behind as a torn end.
            self.rotate().map_err(|_| JournalError::from(error))?;
            self.write(start)?;
        }
        self.end += bytes as u64;
        if let Some(extent) = self.log.last_mut() {
            extent.end = self.end;
        }
        Ok(Written(self.end))
    }

    fn write(&self, start: usize) -> io::Result<()> {
        let extent = self.log.last().ok_or(io::ErrorKind::NotFound)?;
        let record = self.unsynced.get(start..).unwrap_or_default();
        extent.segment.write(&*self.disk, record, extent.next())
    }

    fn find_room(&mut self, needed: u64) -> Result<(), JournalError> {
        if self.fits(needed) {
            return Ok(());
        }
        let promised = self.reserved + needed;
        if self.is_housed && promised <= self.segment_bytes / 2 {
            return self.rotate();
        }
        Err(self.shortage())
    }

    /// Whether `needed` bytes fit beside what is promised.
    fn fits(&self, needed: u64) -> bool {
        let current = self.log.last().filter(|_| self.is_housed);
        current.is_some_and(|extent| extent.next() + self.reserved + needed <= extent.segment.bytes)
    }

    fn shortage(&self) -> JournalError {
        let why = self.failure.as_ref().or(self.lack.as_ref());
        why.cloned().unwrap_or(JournalError::Full)
    }

    fn rotate(&mut self) -> Result<(), JournalError> {
        self.wants_spare = true;
        let segment = self.spare.take().ok_or_else(|| self.shortage())?;
        killpoint::reach(Killpoint::Rotating);
        self.log.push(segment, self.end, self.end);
        Ok(())
    }

    /// The disk failed: what is not on it has to be written anew, to another segment.
    pub(super) fn abandon(&mut self, error: io::Error) {
        self.failure = Some(error.into());
        self.is_housed = false;
        self.log.cut(self.synced);
        self.wants_spare = true;
    }

    /// Goes on in the spare segment, with what is not on the disk.
    pub(super) fn rehouse(&mut self) -> io::Result<()> {
        let segment = self.spare.take().ok_or(io::ErrorKind::StorageFull)?;
        self.wants_spare = true;
        if let Err(error) = segment.write(&*self.disk, &self.unsynced, 0) {
            segment.delete();
            return Err(error);
        }
        self.superseded.extend(self.log.take_empty());
        self.log.push(segment, self.synced, self.end);
        self.is_housed = true;
        self.is_dirty = true;
        Ok(())
    }
}
