//! Reads what a dead process left, from its first segment to its last. What was settled is given out
//! on the way. What is still open is known only at the end, and of that only what cannot have been
//! settled in a damaged stretch is given out. Memory is bounded by the calls that were open at once.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::decode;
use super::frame::{HEAD, Place};
use super::quarantine::Flaw;
use super::scan::{Found, Scanner};
use super::segment::Segment;
use super::tally::{Doubt, Open, Tally};
use super::{Closing, Opening};

/// What a replay gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Closings that may not be in the store yet.
    Unmarked,
    /// All closings that are still there: for a store that was set back.
    All,
}

/// One pass over a predecessor's records, in order.
pub struct Replay {
    directory: PathBuf,
    /// Those that are not read yet, the last first.
    segments: Vec<u32>,
    current: Option<(u32, Scanner)>,
    /// What settles up to here is not given out.
    given_out: Place,
    tally: Tally,
}

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
    /// Bytes that were being written when the process or the machine died.
    pub torn: u64,
    /// The last segment that has damage.
    pub(super) damaged_through: Option<u32>,
}

impl Replay {
    pub(super) fn new(directory: PathBuf, mut segments: Vec<u32>, given_out: Place) -> Self {
        segments.reverse();
        Self {
            directory,
            segments,
            current: None,
            given_out,
            tally: Tally::default(),
        }
    }

    /// The next calls, at most `most` at once. To be called until it is [`Replayed::End`].
    pub fn next(&mut self, most: usize) -> io::Result<Replayed> {
        let mut settled = Vec::new();
        while settled.len() < most {
            if self.current.is_none() {
                self.current = self.next_segment()?;
            }
            let Some((segment, scanner)) = &mut self.current else {
                break;
            };
            let found = scanner.next()?;
            let stretch = |from, to| Flaw {
                segment: *segment,
                from,
                to,
            };
            match found {
                Found::Record { from, to, synced } => {
                    let stretch = stretch(from, to);
                    let call = self.tally.record(stretch, synced, scanner.body());
                    settled.extend(call.filter(|_| stretch.place() >= self.given_out));
                }
                Found::Damage { from, to } => self.tally.flaw(stretch(from, to), Doubt::Between),
                Found::Torn { from, to } => self.tally.flaw(stretch(from, to), Doubt::Last),
                Found::End => self.current = None,
            }
        }
        if settled.is_empty() {
            return self.remains().map(Replayed::End);
        }
        Ok(Replayed::Settled(settled))
    }

    fn next_segment(&mut self) -> io::Result<Option<(u32, Scanner)>> {
        let Some(number) = self.segments.last().copied() else {
            return Ok(None);
        };
        let segment = Segment::open(&self.directory, number)?;
        self.segments.pop();
        let scanner = Scanner::new(segment.file, 0, segment.bytes);
        Ok(Some((number, scanner)))
    }

    fn remains(&mut self) -> io::Result<Remains> {
        let (damage, torn) = self.tally.damage(&self.directory);
        if torn > 0 {
            tracing::warn!(journal.bytes = torn, journal.directory = %self.directory.display(), "the journal ends in records that were not finished");
        }
        let last = damage.iter().map(Flaw::place).max();
        let open = std::mem::take(&mut self.tally.open).into_values();
        let (withheld, mut open): (Vec<Open>, Vec<Open>) =
            open.partition(|open| last.is_some_and(|last| open.from < last));
        open.sort_unstable_by_key(|open| open.from);
        let put_aside = |flaw: &Flaw| flaw.put_aside(&self.directory);
        Ok(Remains {
            withheld: withheld.len(),
            quarantined: damage.iter().map(put_aside).collect(),
            open: self.read_open(&open)?,
            torn,
            damaged_through: last.map(|last| last.segment),
        })
    }

    fn read_open(&self, open: &[Open]) -> io::Result<Vec<(Opening, i64)>> {
        let mut openings = Vec::with_capacity(open.len());
        let mut segment: Option<Segment> = None;
        for call in open {
            let current = match segment.take() {
                Some(current) if current.number == call.from.segment => current,
                _ => Segment::open(&self.directory, call.from.segment)?,
            };
            openings.push((read_opening(&current, call)?, call.delivered));
            segment = Some(current);
        }
        Ok(openings)
    }
}

fn read_opening(segment: &Segment, call: &Open) -> io::Result<Opening> {
    let mut frame = vec![0; (call.to - call.from.offset) as usize];
    let file = Arc::clone(&segment.file);
    file.read_exact_at(&mut frame, call.from.offset.into())?;
    let body = frame.get(HEAD..).unwrap_or_default();
    decode::opening(body).map_err(|_| io::ErrorKind::InvalidData.into())
}
