//! What is behind the journal's one lock: where the next record goes, and what is promised to calls
//! that are open. The segment that is being written always has room for all their ends, so an end
//! that was promised room never needs more than one write.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::calls::Open;
use super::disk::Disk;
use super::frame::{self, HEAD, MOST_BODY, Place};
use super::log::{Extent, Log};
use super::reader::Position;
use super::segment::Segment;
use super::{Backlog, JournalError, Written};
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
    /// Where the log ends.
    pub(super) end: u64,
    /// Up to where the log is on the disk.
    pub(super) synced: u64,
    pub(super) synced_place: Place,
    /// What is behind that, to be written anew if the disk fails. New records are made at its end.
    pub(super) unsynced: Vec<u8>,
    /// Whether a sync is due.
    pub(super) is_dirty: bool,
    /// Why calls are refused until a sync succeeds.
    pub(super) failure: Option<JournalError>,
    pub(super) open: HashMap<CallId, Open>,
    /// What is promised to all open calls together.
    pub(super) reserved: u64,
    pub(super) settled: u64,
    marked: Position,
    /// Whether the keeper has work that should not wait.
    pub(super) wants_spare: bool,
}

/// What a call and its end need, if there is nothing unusual about it.
const TYPICAL_CALL: u64 = 2048;

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

    /// Whether new calls may be written down.
    pub(super) fn health(&self) -> Result<(), JournalError> {
        self.admits()?;
        if self.fits(TYPICAL_CALL) || self.spare.is_some() {
            return Ok(());
        }
        Err(self.shortage())
    }

    pub(super) fn backlog(&self) -> Backlog {
        let bytes = self.end.saturating_sub(self.marked.at);
        if bytes == 0 {
            // Whatever was lost on the disk waits for nothing.
            return Backlog::default();
        }
        let settled = self.settled.saturating_sub(self.marked.settled);
        Backlog { bytes, settled }
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

    /// Where the mark is in the files, if it is anywhere. Not beyond what is on the disk: nobody knows
    /// what a crash puts there instead.
    pub(super) fn marked_place(&self) -> Option<Place> {
        self.log.place(self.marked.at.min(self.synced))
    }

    pub(super) fn admits(&self) -> Result<(), JournalError> {
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
    pub(super) fn put(&mut self, start: usize, behind: u64) -> Result<Written, JournalError> {
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
            self.leave().map_err(|_| JournalError::from(error))?;
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

    /// Goes on in the spare segment because this one cannot be written. What got there although it
    /// failed must never be taken for a record.
    fn leave(&mut self) -> Result<(), JournalError> {
        if self.spare.is_none() {
            return Err(self.shortage());
        }
        self.log.last_mut().map_or(Ok(()), Extent::cut)?;
        self.rotate()
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
    pub(super) fn fits(&self, needed: u64) -> bool {
        let current = self.log.last().filter(|_| self.is_housed);
        current.is_some_and(|extent| extent.next() + self.reserved + needed <= extent.segment.bytes)
    }

    fn shortage(&self) -> JournalError {
        let why = self.failure.as_ref().or(self.lack.as_ref());
        why.cloned().unwrap_or(JournalError::Full)
    }

    fn rotate(&mut self) -> Result<(), JournalError> {
        let segment = self.spare.take().ok_or_else(|| self.shortage())?;
        self.wants_spare = true;
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
