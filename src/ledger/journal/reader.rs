//! Reads back what was settled, for the task that books it. Nothing waits in memory.

use std::io;
use std::sync::Arc;

use super::frame::Stretch;
use super::log::Readable;
use super::scan::{Found, Scanner};
use super::{Closing, Journal, Opening, decode};

/// A place in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// In the log.
    pub(super) at: u64,
    /// Settled calls before it.
    pub(super) settled: u64,
}

impl Position {
    /// Whether what ends at `place` lies before it.
    pub(super) fn is_behind(self, place: u64) -> bool {
        self.at >= place
    }
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
pub struct Reader {
    journal: Arc<Journal>,
    position: Position,
}

impl Reader {
    pub(super) fn new(journal: Arc<Journal>) -> Self {
        let position = journal.marked();
        Self { journal, position }
    }

    /// From the oldest record that is still there.
    pub(super) fn of_all(journal: Arc<Journal>) -> Self {
        let position = Position::default();
        Self { journal, position }
    }

    /// Whether everything up to `position` was read.
    pub fn is_at(&self, position: Position) -> bool {
        self.position.at >= position.at
    }

    /// At most `most` calls that were settled after the last ones; none if there are no more yet.
    pub fn next(&mut self, most: usize) -> io::Result<Batch> {
        let mut settled = Vec::new();
        let mut position = self.position;
        // What is booked may be deleted before it is read once more.
        position.at = position.at.max(self.journal.start());
        while settled.len() < most
            && let Some(part) = self.journal.readable(position.at)
        {
            self.read(&part, most, &mut position, &mut settled)?;
        }
        self.position = position;
        Ok(Batch {
            settled,
            end: position,
        })
    }

    /// Goes back to `position`, so that what follows it is read again.
    pub fn rewind(&mut self, position: Position) {
        self.position = position;
    }

    /// Reads one segment on.
    fn read(
        &self,
        part: &Readable,
        most: usize,
        position: &mut Position,
        settled: &mut Vec<(Opening, Closing)>,
    ) -> io::Result<()> {
        let base = position.at - part.from;
        let mut scanner = Scanner::new(Arc::clone(&part.file), part.from, part.to);
        while settled.len() < most && position.at < base + part.to {
            match scanner.next()? {
                Found::Record { to, .. } => {
                    if let Ok(call) = decode::settled(scanner.body()) {
                        settled.push(call);
                        position.settled += 1;
                    }
                    position.at = base + u64::from(to);
                }
                // What was written anew elsewhere is read there.
                _ if self.has_moved(part, position.at) => return Ok(()),
                Found::Damage { from, to } => {
                    self.put_aside(part, from.into(), to.into());
                    position.at = base + u64::from(to);
                }
                Found::Torn { .. } | Found::End => {
                    self.put_aside(part, position.at - base, part.to);
                    position.at = base + part.to;
                }
            }
        }
        Ok(())
    }

    fn has_moved(&self, part: &Readable, position: u64) -> bool {
        let now = self.journal.readable(position);
        now.is_none_or(|now| now.segment != part.segment)
    }

    /// What was written is not there any more: it is not waited for.
    fn put_aside(&self, part: &Readable, from: u64, to: u64) {
        let offset = |at| u32::try_from(at).unwrap_or(u32::MAX);
        let flaw = Stretch {
            segment: part.segment,
            from: offset(from),
            to: offset(to),
        };
        flaw.put_aside(&self.journal.directory.path);
    }
}
