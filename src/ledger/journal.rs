//! The journal: what is known about calls that the store does not have yet, in files of this machine.
//! A call is written down before it is sent and again when it ended, so that whatever kills the
//! process, each call that a provider saw is charged once.
//!
//! A directory holds segments of records. Writing is one `write` into room that is there already; a
//! thread brings it to the disk, another makes segments ahead and deletes those that are booked.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;
use uuid::Uuid;

use crate::domain::tenant::CallId;

mod blank;
mod booked;
mod calls;
mod decode;
mod directory;
mod disk;
mod encode;
mod error;
mod frame;
mod keeper;
mod log;
mod mark;
mod numbers;
mod open;
mod predecessor;
mod quarantine;
mod reader;
mod record;
mod replay;
mod run;
mod scan;
mod segment;
mod sync;
mod tally;
#[cfg(test)]
pub(super) mod tests;
mod writer;

pub use disk::{Disk, Local};
pub use error::{JournalError, OpenError};
pub use predecessor::Predecessor;
pub use reader::{Batch, Position, Reader};
pub use record::{Closing, Drawn, Opening};
pub use replay::{Remains, Replay, Replayed, Which};

use booked::Inherited;
use directory::Directory;
use log::Readable;
use sync::Outcome;
use writer::Writer;

/// What a record survives once it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process; a few milliseconds later, that of the machine too.
    #[default]
    Process,
    /// The end of the machine: callers wait for [`Journal::synced`].
    Disk,
}

/// How a journal is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What a record survives.
    pub durability: Durability,
    /// All segments together, at most; not less than a megabyte.
    pub max_bytes: u64,
}

/// A record that was written: what to wait for with [`Journal::synced`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written(u64);

/// Ends when a record is on the disk, or failed to get there.
pub type Synced = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send>>;

/// What waits to be booked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes written and not marked.
    pub bytes: u64,
    /// Settled calls among them.
    pub settled: u64,
}

/// See the module.
pub struct Journal {
    directory: Directory,
    disk: Arc<dyn Disk>,
    options: Options,
    segment_bytes: u64,
    next_number: AtomicU32,
    writer: Mutex<Writer>,
    /// Something is written, or all ends.
    to_sync: Condvar,
    /// A spare segment is used up, or all ends.
    to_tidy: Condvar,
    /// Held by whoever syncs.
    syncing: Mutex<()>,
    outcome: watch::Sender<Outcome>,
    /// Segments of the last process, the oldest first.
    inherited: Mutex<Vec<Inherited>>,
    /// Damaged places of others.
    held: Mutex<Vec<Directory>>,
    /// Whether all that the last process left is in the store.
    is_settled_in: AtomicBool,
    is_stopping: AtomicBool,
}

impl Journal {
    /// Who writes it: the instance, which a directory keeps for good, and how often it was opened.
    pub fn holder(&self) -> (Uuid, i64) {
        (self.directory.instance, self.directory.epoch)
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        &self.directory.path
    }

    /// A call is about to be sent. Succeeds only if its end will fit too.
    pub fn intend(&self, opening: &Opening) -> Result<Written, JournalError> {
        self.write(|writer| writer.intend(opening))
    }

    /// `delivered` output tokens of a call were seen. Says nothing if it cannot be written.
    pub fn progress(&self, id: CallId, delivered: i64) {
        // It only makes a guess better.
        let _ = self.write(|writer| writer.progress(id, delivered));
    }

    /// A call ended. If that cannot be written, its room stays reserved: try again, or
    /// [`Journal::forget`] it once it is booked.
    pub fn settle(&self, opening: &Opening, closing: &Closing) -> Result<Written, JournalError> {
        self.write(|writer| writer.settle(opening, closing))
    }

    /// A call whose end could not be written is in the store: its room is free again.
    pub fn forget(&self, id: CallId) {
        self.writer.lock().forget(id);
    }

    /// Waits until a record is on the disk; `None` if nobody has to.
    pub fn synced(&self, written: Written) -> Option<Synced> {
        (self.options.durability == Durability::Disk).then(|| self.wait_for(written))
    }

    /// Reads what this process writes, from the mark on.
    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader::new(Arc::clone(self))
    }

    /// Reads once more what the store had already: all that this process wrote and that is still there,
    /// up to the mark.
    pub fn reader_of_all(self: &Arc<Self>) -> (Reader, Position) {
        (Reader::of_all(Arc::clone(self)), self.marked())
    }

    /// Reads once more what the last process in this directory left, as far as it is still there.
    pub fn inherited(&self) -> Replay {
        let inherited = self.inherited.lock();
        let numbers = inherited.iter().map(|inherited| inherited.segment.number);
        let directory = self.directory.path.clone();
        Replay::new(directory, numbers.collect(), frame::Place::default())
    }

    /// Everything up to `position` is in the store. Only permits deletion.
    pub fn mark(&self, position: Position) {
        let mut writer = self.writer.lock();
        writer.mark(position);
        let lacks_room = writer.lack.is_some();
        drop(writer);
        self.write_mark();
        if lacks_room {
            self.to_tidy.notify_one();
        }
    }

    /// Whether a record is marked as in the store.
    pub fn is_booked(&self, written: Written) -> bool {
        self.marked().is_behind(written.0)
    }

    /// What is not marked.
    pub fn backlog(&self) -> Backlog {
        self.writer.lock().backlog()
    }

    /// Whether calls can be written down.
    pub fn health(&self) -> Result<(), JournalError> {
        self.writer.lock().health()
    }

    fn write(
        &self,
        write: impl FnOnce(&mut Writer) -> Result<Written, JournalError>,
    ) -> Result<Written, JournalError> {
        let mut writer = self.writer.lock();
        let written = write(&mut writer);
        let is_first = written.is_ok() && !std::mem::replace(&mut writer.is_dirty, true);
        let wants_spare = writer.wants_spare;
        drop(writer);
        if is_first {
            self.to_sync.notify_one();
        }
        if wants_spare {
            self.to_tidy.notify_one();
        }
        written
    }

    fn readable(&self, position: u64) -> Option<Readable> {
        self.writer.lock().log.readable(position)
    }

    fn start(&self) -> u64 {
        self.writer.lock().log.start()
    }

    fn marked(&self) -> Position {
        self.writer.lock().marked()
    }

    /// A mark says that all before it is in the store, so it has to wait for what was inherited.
    fn write_mark(&self) {
        if !self.is_settled_in.load(Ordering::Acquire) {
            return;
        }
        let place = self.writer.lock().marked_place();
        let written = place.map_or(Ok(()), |place| mark::write(&self.directory.path, place));
        if let Err(error) = written {
            tracing::warn!(%error, "the journal's mark could not be set");
        }
    }
}
