//! Brings records to the disk, many at once. After a failed sync nobody knows what the disk has, and
//! asking again would succeed without cause: the segment is given up, and what was not on the disk is
//! written anew to another one.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::writer::Writer;
use super::{Journal, JournalError, Synced, Written};

/// How large the buffer of what is not on the disk stays.
const KEPT: usize = 256 * 1024;

/// How far the log is on the disk, for those who wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    synced: u64,
    /// Up to where the log failed to get there, and why.
    failed: u64,
    error: Option<JournalError>,
}

/// What the next sync brings to the disk.
struct Due {
    files: Vec<Arc<File>>,
    upto: u64,
}

impl Journal {
    /// Brings to the disk what is written until now.
    pub(super) fn sync(&self) {
        let turn = self.syncing.lock();
        if let Err(error) = self.try_sync() {
            tracing::error!(%error, "the journal could not be brought to the disk; what is missing is written anew");
            let mut writer = self.writer.lock();
            writer.abandon(error);
            let is_rehoused = writer.rehouse().is_ok();
            drop(writer);
            self.to_tidy.notify_one();
            if is_rehoused && let Err(error) = self.try_sync() {
                self.writer.lock().abandon(error);
            }
        }
        self.announce();
        drop(turn);
    }

    fn try_sync(&self) -> io::Result<()> {
        let Some(due) = self.writer.lock().due() else {
            return Ok(());
        };
        due.files.iter().try_for_each(|file| self.disk.sync(file))?;
        self.writer.lock().finish(due.upto);
        Ok(())
    }

    fn announce(&self) {
        let outcome = self.writer.lock().outcome();
        self.outcome.send_replace(outcome);
    }

    pub(super) fn wait_for(&self, written: Written) -> Synced {
        let mut outcome = self.outcome.subscribe();
        Box::pin(async move {
            let is_known = |outcome: &Outcome| outcome.of(written).is_some();
            match outcome.wait_for(is_known).await {
                Ok(outcome) => outcome.of(written).unwrap_or(Ok(())),
                Err(_) => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
            }
        })
    }
}

impl Writer {
    fn due(&mut self) -> Option<Due> {
        self.is_dirty = false;
        if !self.is_housed || self.unsynced.is_empty() {
            return None;
        }
        let is_due = |end| end > self.synced;
        let extents = self.log.iter().filter(|extent| is_due(extent.end));
        let files = extents.map(|extent| Arc::clone(&extent.segment.file));
        Some(Due {
            files: files.collect(),
            upto: self.end,
        })
    }

    fn finish(&mut self, upto: u64) {
        let done = usize::try_from(upto - self.synced).unwrap_or(usize::MAX);
        self.unsynced.drain(..done.min(self.unsynced.len()));
        give_back(&mut self.unsynced);
        self.synced = upto;
        self.synced_place = self.log.place(upto).unwrap_or_default();
        self.failure = None;
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            synced: self.synced,
            failed: self.failure.as_ref().map_or(0, |_| self.end),
            error: self.failure.clone(),
        }
    }
}

/// A disk that was slow for once leaves a buffer of megabytes that nobody needs again.
fn give_back(buffer: &mut Vec<u8>) {
    if buffer.len() < KEPT / 2 && buffer.capacity() > KEPT {
        buffer.shrink_to(KEPT);
    }
}

impl Outcome {
    /// What became of a record, if that is known.
    fn of(&self, written: Written) -> Option<Result<(), JournalError>> {
        if written.0 <= self.synced {
            return Some(Ok(()));
        }
        let error = self.error.as_ref().filter(|_| written.0 <= self.failed)?;
        Some(Err(error.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_slow_disk_made_large_is_given_back_once_it_is_needed_no_more() {
        let mut buffer = vec![0; 4 * KEPT];
        give_back(&mut buffer);
        assert_eq!(buffer.len(), 4 * KEPT);
        buffer.drain(..4 * KEPT - 10);
        give_back(&mut buffer);
        assert_eq!(buffer.len(), 10);
        assert!(buffer.capacity() < 2 * KEPT);
    }
}
