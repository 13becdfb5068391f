//! Makes room: a spare segment before it is needed, a new home when the disk failed, and an end of
//! what nobody needs.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::log::Extent;
use super::segment::Segment;
use super::{Journal, JournalError};

impl Journal {
    /// One round.
    pub(super) fn tidy(&self, now: Instant) {
        let superseded = std::mem::take(&mut self.writer.lock().superseded);
        superseded.into_iter().for_each(Segment::delete);
        self.delete_booked(now);
        self.make_spare();
        if self.move_in() {
            self.sync();
            self.make_spare();
        }
        self.cut_old();
    }

    /// Where there is no room for it, at the cost of what is booked.
    fn make_spare(&self) {
        if self.writer.lock().spare.is_some() {
            return;
        }
        let mut made = self.make_segment();
        while made.is_err() && self.delete_oldest() {
            made = self.make_segment();
        }
        let mut writer = self.writer.lock();
        match made {
            Ok(segment) => {
                writer.spare = Some(segment);
                writer.lack = None;
            }
            Err(error) => {
                if writer.lack.is_none() {
                    tracing::error!(%error, "the journal has no room ahead");
                }
                writer.lack = Some(error);
            }
        }
    }

    fn make_segment(&self) -> Result<Segment, JournalError> {
        if !self.has_room() {
            return Err(JournalError::Full);
        }
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let (disk, path) = (&*self.disk, &self.directory.path);
        Ok(Segment::create(disk, path, number, self.segment_bytes)?)
    }

    /// Begins to write, at first or after the disk failed.
    fn move_in(&self) -> bool {
        let _turn = self.syncing.lock();
        let mut writer = self.writer.lock();
        !writer.is_housed && writer.rehouse().is_ok()
    }

    /// Takes back the room behind segments that are written no more.
    fn cut_old(&self) {
        let mut writer = self.writer.lock();
        if writer.failure.is_none() && writer.is_housed {
            writer.log.all_but_last().for_each(cut);
        }
    }

    /// Whether one more segment is allowed.
    fn has_room(&self) -> bool {
        let inherited = self.inherited.lock();
        let before: u64 = inherited
            .iter()
            .map(|inherited| inherited.segment.bytes)
            .sum();
        let writer = self.writer.lock();
        let since: u64 = writer.log.iter().map(|extent| extent.segment.bytes).sum();
        before + since + self.segment_bytes <= self.options.max_bytes
    }
}

/// Takes back what is behind the end of a segment.
pub(super) fn cut(extent: &mut Extent) {
    if let Err(error) = extent.cut() {
        tracing::warn!(%error, journal.segment = extent.segment.number, "a journal segment could not be cut");
    }
}
