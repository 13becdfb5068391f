//! A disk that fails as it is told, and forgets what was not synced when its machine crashes.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use parking_lot::Mutex;

use super::super::disk::{Disk, Local};

/// What goes wrong once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// So many bytes get there, and no error.
    Short(usize),
    /// So many bytes get there, then an error.
    Torn(usize),
    /// Nothing happens but an error.
    Error,
}

/// See the module. Faults are taken in order, one an operation of their kind.
#[derive(Default)]
pub(super) struct Faulty(Mutex<State>);

#[derive(Default)]
struct State {
    writes: VecDeque<Option<Fault>>,
    syncs: VecDeque<bool>,
    is_full: bool,
    unsynced: Vec<Write>,
}

/// A write that is not synced, and what it replaced.
struct Write {
    file: File,
    offset: u64,
    before: Vec<u8>,
}

impl Faulty {
    /// The next writes.
    pub(super) fn on_writes(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.0.lock().writes.extend(faults);
    }

    /// Whether each of the next syncs fails.
    pub(super) fn on_syncs(&self, faults: impl IntoIterator<Item = bool>) {
        self.0.lock().syncs.extend(faults);
    }

    /// Whether there is room for new segments.
    pub(super) fn fill(&self, is_full: bool) {
        self.0.lock().is_full = is_full;
    }

    /// Nothing goes wrong any more.
    pub(super) fn heal(&self) {
        let mut state = self.0.lock();
        state.writes.clear();
        state.syncs.clear();
        state.is_full = false;
    }

    /// The machine crashes: of each write since the last sync, only so many bytes got there.
    pub(super) fn crash(&self, kept: impl Fn(usize) -> usize) {
        let unsynced = std::mem::take(&mut self.0.lock().unsynced);
        for (index, write) in unsynced.into_iter().enumerate().rev() {
            let kept = kept(index).min(write.before.len());
            let offset = write.offset + kept as u64;
            let lost = &write.before[kept..];
            write.file.write_all_at(lost, offset).unwrap();
        }
    }

    /// How many writes a crash would lose.
    pub(super) fn unsynced(&self) -> usize {
        self.0.lock().unsynced.len()
    }
}

impl Disk for Faulty {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        if self.0.lock().is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Local.allocate(file, bytes)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.0.lock();
        let fault = state.writes.pop_front().flatten();
        let bytes = match fault {
            Some(Fault::Error) => return Err(io::Error::other("the disk says no")),
            Some(Fault::Short(most) | Fault::Torn(most)) => &bytes[..most.min(bytes.len())],
            None => bytes,
        };
        let mut before = vec![0; bytes.len()];
        file.read_exact_at(&mut before, offset)?;
        state.unsynced.push(Write {
            file: file.try_clone()?,
            offset,
            before,
        });
        file.write_all_at(bytes, offset)?;
        match fault {
            Some(Fault::Torn(_)) => Err(io::Error::other("the disk broke off")),
            _ => Ok(bytes.len()),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.0.lock();
        if state.syncs.pop_front().unwrap_or(false) {
            return Err(io::Error::other("the disk lost it"));
        }
        let synced = file.metadata()?.ino();
        let is_other = |write: &Write| write.file.metadata().is_ok_and(|it| it.ino() != synced);
        state.unsynced.retain(is_other);
        Ok(())
    }
}
