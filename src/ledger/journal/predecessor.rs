//! What earlier processes left behind: the segments that this directory's last process wrote, and
//! journals beside it whose lock nobody holds.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::directory::Directory;
use super::frame::Place;
use super::replay::{Remains, Replay, Which};
use super::segment::Segment;
use super::{Journal, mark};

/// The journal of a process that is gone. Reading it blocks: keep it off the workers.
pub struct Predecessor {
    instance: Uuid,
    before_epoch: i64,
    directory: PathBuf,
    segments: Vec<u32>,
    mark: Place,
    heir: Arc<Journal>,
    /// Its directory, unless that is the heir's own.
    place: Option<Directory>,
}

impl Predecessor {
    /// What the last process in the journal's own directory left there.
    pub(super) fn own(journal: &Arc<Journal>, segments: Vec<u32>, mark: Place) -> Self {
        let directory = &journal.directory;
        Self {
            instance: directory.instance,
            before_epoch: directory.epoch,
            directory: directory.path.clone(),
            segments,
            mark,
            heir: Arc::clone(journal),
            place: None,
        }
    }

    /// What is left of another directory.
    pub(super) fn sibling(journal: &Arc<Journal>, directory: Directory) -> io::Result<Self> {
        let number = |segment: Segment| segment.number;
        Ok(Self {
            instance: directory.instance,
            before_epoch: directory.epoch.saturating_add(1),
            directory: directory.path.clone(),
            segments: directory.inherit()?.into_iter().map(number).collect(),
            mark: mark::read(&directory.path),
            heir: Arc::clone(journal),
            place: Some(directory),
        })
    }

    /// Whose journal it was.
    pub fn instance(&self) -> Uuid {
        self.instance
    }

    /// All epochs of that instance before this one are over.
    pub fn before_epoch(&self) -> i64 {
        self.before_epoch
    }

    /// Reads it from the start.
    pub fn replay(&self, which: Which) -> Replay {
        let given_out = match which {
            Which::Unmarked => self.mark,
            Which::All => Place::default(),
        };
        Replay::new(self.directory.clone(), self.segments.clone(), given_out)
    }

    /// Everything that a replay gave out is in the store: it may be deleted. Damaged segments, and
    /// those before them, stay until the damage is accepted, and are read again at the next start.
    pub fn retire(self, remains: &Remains) -> io::Result<()> {
        match self.place {
            None => self.heir.release(remains.damaged_through),
            Some(place) if remains.damaged_through.is_none() => place.remove()?,
            Some(place) => self.heir.hold(place),
        }
        Ok(())
    }
}
