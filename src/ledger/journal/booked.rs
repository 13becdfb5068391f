//! Segments whose calls are in the store. They are kept for a while, for a store that is set back to a
//! backup, and deleted earlier if they take too much or their room is needed.

use std::time::{Duration, Instant};

use super::Journal;
use super::calls::Open;
use super::segment::Segment;
use crate::domain::tenant::CallId;
use crate::killpoint::{self, Killpoint};

const KEPT: Duration = Duration::from_hours(1);

/// Open calls that are carried on while others wait.
const CARRIED_AT_ONCE: usize = 32;

/// A segment that the last process wrote.
pub(super) struct Inherited {
    pub(super) segment: Segment,
    /// Since when all of it is in the store.
    pub(super) booked: Option<Instant>,
}

impl Journal {
    /// Deletes what need not be kept any longer.
    pub(super) fn delete_booked(&self, now: Instant) {
        self.writer.lock().book(now);
        while let Some(booked) = self.oldest_booked() {
            let is_old = now.saturating_duration_since(booked) >= KEPT;
            let is_much = self.booked_bytes() > self.options.max_bytes / 4;
            if !(is_old || is_much) || !self.delete_oldest() {
                return;
            }
        }
    }

    /// Deletes the oldest segment that is booked; false if there is none, or something needs it.
    pub(super) fn delete_oldest(&self) -> bool {
        let oldest = self.oldest_booked().and_then(|_| self.let_go());
        let Some(segment) = oldest else { return false };
        killpoint::reach(Killpoint::Deleting);
        segment.delete();
        true
    }

    fn oldest_booked(&self) -> Option<Instant> {
        let inherited = self.inherited.lock();
        let before = inherited.iter().find_map(|inherited| inherited.booked);
        let since = || self.writer.lock().log.all_but_last().next()?.booked;
        before.or_else(since)
    }

    pub(super) fn booked_bytes(&self) -> u64 {
        let inherited = self.inherited.lock();
        let before = inherited.iter().filter(|segment| segment.booked.is_some());
        let before: u64 = before.map(|inherited| inherited.segment.bytes).sum();
        let writer = self.writer.lock();
        let since = writer.log.iter().filter(|extent| extent.booked.is_some());
        before + since.map(|extent| extent.segment.bytes).sum::<u64>()
    }

    /// Takes the oldest segment off the books, if nothing needs it.
    fn let_go(&self) -> Option<Segment> {
        let mut inherited = self.inherited.lock();
        let booked = inherited
            .iter()
            .position(|inherited| inherited.booked.is_some());
        if let Some(booked) = booked {
            return Some(inherited.remove(booked).segment);
        }
        drop(inherited);
        let (number, end) = self.writer.lock().log.first()?;
        if !self.carry_on(end) {
            return None;
        }
        self.writer.lock().log.take(number)
    }

    /// Writes calls that opened before `end` and are still open down once more, behind it.
    fn carry_on(&self, end: u64) -> bool {
        let is_before = |open: &Open| open.at < end;
        let writer = self.writer.lock();
        let open = writer.open.iter().filter(|(_, open)| is_before(open));
        let open: Vec<CallId> = open.map(|(id, _)| *id).collect();
        drop(writer);
        for ids in open.chunks(CARRIED_AT_ONCE) {
            let mut writer = self.writer.lock();
            if ids.iter().any(|id| writer.carry(*id).is_err()) {
                return false;
            }
        }
        let writer = self.writer.lock();
        let (has_open, upto) = (writer.open.values().any(is_before), writer.end);
        drop(writer);
        // The ends of calls that began there have to be on the disk, too.
        self.sync();
        !has_open && self.writer.lock().synced >= upto
    }
}
