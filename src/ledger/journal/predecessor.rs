//! What earlier processes left behind: journals whose lock nobody holds, and the segments that this
//! directory's last process wrote.

use std::io;
use std::path::PathBuf;

use uuid::Uuid;

use super::{Closing, Opening};

/// The journal of a process that is gone. Reading it blocks: keep it off the workers.
pub struct Predecessor {}

/// What a replay gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Closings that may not be in the store yet.
    Unmarked,
    /// All closings that are still there: for a store that was set back.
    All,
}

/// One pass over a predecessor's records, in order.
pub struct Replay {}

/// One step of a replay.
#[derive(Debug)]
pub enum Replayed {
    /// Calls that were settled.
    Settled(Vec<(Opening, Closing)>),
    /// The end, after the last segment.
    End(Remains),
}

/// What is left when everything was read.
#[derive(Debug)]
pub struct Remains {
    /// Calls that nobody settled, and the output tokens that were seen of each.
    pub open: Vec<(Opening, i64)>,
    /// Open calls that are not given out, because their end may be among damaged records.
    pub withheld: usize,
    /// The damaged stretches, kept aside.
    pub quarantined: Vec<PathBuf>,
}

impl Predecessor {
    /// Whose journal it was.
    pub fn instance(&self) -> Uuid {
        unimplemented!()
    }

    /// All epochs of that instance before this one are over.
    pub fn before_epoch(&self) -> i64 {
        unimplemented!()
    }

    /// Reads it from the start.
    pub fn replay(&self, _which: Which) -> Replay {
        unimplemented!()
    }

    /// Everything in it is in the store: it may be deleted. What is quarantined is kept.
    pub fn retire(self, _remains: &Remains) -> io::Result<()> {
        unimplemented!()
    }
}

impl Replay {
    /// The next calls, about `most` at once. After [`Replayed::End`] it starts no second time.
    pub fn next(&mut self, _most: usize) -> io::Result<Replayed> {
        unimplemented!()
    }
}
