//! Reads back what was settled, for the task that books it. Nothing waits in memory.

use std::io;

use super::{Closing, Opening};

/// A place in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    at: u64,
    settled: u64,
}

/// Calls that were settled, and where they end.
#[derive(Debug)]
pub struct Batch {
    /// In the order in which they were settled.
    pub settled: Vec<(Opening, Closing)>,
    /// For [`super::Journal::mark`].
    pub end: Position,
}

/// Reads what this process wrote, from the start. Blocks on the disk, if only for what is cached.
pub struct Reader {}

impl Reader {
    /// At most `most` calls that were settled after the last ones; none if there are no more yet.
    pub fn next(&mut self, _most: usize) -> io::Result<Batch> {
        unimplemented!()
    }

    /// Goes back to `position`, so that what follows it is read again.
    pub fn rewind(&mut self, _position: Position) {
        unimplemented!()
    }
}
