//! The journal: what is known about calls that the store does not have yet, in files of this machine.
//! A call is written down before it is sent and again when it ended, so that whatever kills the
//! process, each call that a provider saw is charged once.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::tenant::CallId;

mod error;
mod predecessor;
mod reader;
mod record;

pub use error::{JournalError, OpenError};
pub use predecessor::{Predecessor, Remains, Replay, Replayed, Which};
pub use reader::{Batch, Position, Reader};
pub use record::{Closing, Drawn, Opening};

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
    /// All segments together, at most.
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

/// See the module. Writing is synchronous and short.
pub struct Journal {}

impl Journal {
    /// Takes the first free place under `data_dir`, and what dead processes left in it and beside it:
    /// the first predecessor is always this place's own.
    pub fn open(
        _data_dir: &Path,
        _options: Options,
    ) -> Result<(Arc<Self>, Vec<Predecessor>), OpenError> {
        unimplemented!()
    }

    /// Who writes it: the instance, which a directory keeps for good, and how often it was opened.
    pub fn holder(&self) -> (Uuid, i64) {
        unimplemented!()
    }

    /// A call is about to be sent. Succeeds only if its end will fit too.
    pub fn intend(&self, _opening: &Opening) -> Result<Written, JournalError> {
        unimplemented!()
    }

    /// `delivered` output tokens of a call were seen. Says nothing if it cannot be written.
    pub fn progress(&self, _id: CallId, _delivered: i64) {
        unimplemented!()
    }

    /// A call ended. If that cannot be written, its room stays reserved: try again, or
    /// [`Journal::forget`] it once it is booked.
    pub fn settle(&self, _opening: &Opening, _closing: &Closing) -> Result<Written, JournalError> {
        unimplemented!()
    }

    /// A call whose end could not be written is in the store: its room is free again.
    pub fn forget(&self, _id: CallId) {
        unimplemented!()
    }

    /// Waits until a record is on the disk; `None` if nobody has to.
    pub fn synced(&self, _written: Written) -> Option<Synced> {
        unimplemented!()
    }

    /// Reads what this process writes.
    pub fn reader(self: &Arc<Self>) -> Reader {
        unimplemented!()
    }

    /// Everything up to `position` is in the store. Only permits deletion.
    pub fn mark(&self, _position: Position) {
        unimplemented!()
    }

    /// Whether a record is marked as in the store.
    pub fn is_booked(&self, _written: Written) -> bool {
        unimplemented!()
    }

    /// What is not marked.
    pub fn backlog(&self) -> Backlog {
        unimplemented!()
    }

    /// Whether calls can be written down.
    pub fn health(&self) -> Result<(), JournalError> {
        unimplemented!()
    }

    /// Keeps it until `stop`: brings it to the disk, makes room ahead, deletes what is booked.
    pub async fn run(self: Arc<Self>, _stop: CancellationToken) {
        unimplemented!()
    }
}
