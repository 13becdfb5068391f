//! What is done beside the calls: a spare segment is made before it is needed, and segments are
//! deleted once the store has what is in them. They stay for a while after that, for a store that is
//! set back to a backup.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::Journal;
use super::log::Extent;
use super::segment::Segment;
use crate::domain::tenant::CallId;
use crate::killpoint::{self, Killpoint};

/// How long what is booked is kept.
const KEPT: Duration = Duration::from_hours(1);
const EVERY: Duration = Duration::from_secs(1);

/// Open calls that are carried on while others wait.
const CARRIED_AT_ONCE: usize = 32;

/// A segment that the last process wrote.
pub(super) struct Inherited {
    pub(super) segment: Segment,
    /// Since when all of it is in the store.
    pub(super) booked: Option<Instant>,
}

/// Ends the threads of a journal when it is dropped: a runtime that is dropped waits for them.
struct Stopping<'a>(&'a Journal);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Journal {
    /// Keeps it until `stop`: brings it to the disk, makes room ahead, deletes what is booked.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let (syncer, keeper) = (Arc::clone(&self), Arc::clone(&self));
        let syncing = spawn_blocking(move || syncer.keep_synced());
        let keeping = spawn_blocking(move || keeper.keep_tidy());
        let stopping = Stopping(&self);
        stop.cancelled().await;
        drop(stopping);
        // A thread that panicked has said so.
        let _ = tokio::join!(syncing, keeping);
        let _ = spawn_blocking(move || self.close()).await;
    }

    fn stop(&self) {
        let writer = self.writer.lock();
        self.is_stopping.store(true, Ordering::Release);
        drop(writer);
        self.to_sync.notify_all();
        self.to_tidy.notify_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Leaves nothing behind but what was written.
    fn close(&self) {
        self.sync();
        let mut writer = self.writer.lock();
        let spare = writer.spare.take();
        if writer.is_housed
            && let Some(extent) = writer.log.last_mut()
        {
            extent.cut();
        }
        drop(writer);
        spare.into_iter().for_each(Segment::delete);
    }

    fn keep_tidy(&self) {
        while self.wait_for_work() {
            self.tidy(Instant::now());
        }
    }

    /// Waits until a spare segment was used up, or a while; false once the journal stops.
    fn wait_for_work(&self) -> bool {
        let mut writer = self.writer.lock();
        if !writer.wants_spare && !self.is_stopping() {
            self.to_tidy.wait_for(&mut writer, EVERY);
        }
        writer.wants_spare = false;
        !self.is_stopping()
    }

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

    fn make_spare(&self) {
        if self.writer.lock().spare.is_some() {
            return;
        }
        let made = if self.has_room() {
            let number = self.next_number.fetch_add(1, Ordering::Relaxed);
            Segment::create(
                &*self.disk,
                &self.directory.path,
                number,
                self.segment_bytes,
            )
            .map_err(Into::into)
        } else {
            Err(super::JournalError::Full)
        };
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
            writer.log.all_but_last().for_each(Extent::cut);
        }
    }

    fn delete_booked(&self, now: Instant) {
        self.writer.lock().book(now);
        while let Some(booked) = self.oldest_booked() {
            let is_old = now.saturating_duration_since(booked) >= KEPT;
            if !is_old && self.booked_bytes() <= self.allowance() {
                return;
            }
            let Some(segment) = self.let_go() else { return };
            killpoint::reach(Killpoint::Deleting);
            segment.delete();
        }
    }

    /// What may be kept for a while although it is booked: nothing, if the room is needed.
    fn allowance(&self) -> u64 {
        let has_spare = self.writer.lock().spare.is_some();
        if has_spare || self.has_room() {
            self.options.max_bytes / 4
        } else {
            0
        }
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
        let is_before = |open: &super::writer::Open| open.at < end;
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
