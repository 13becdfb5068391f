//! Reads what a dead process left, from its first segment to its last. What was settled is given out
//! on the way. What is still open is known only at the end, and of that only what cannot have been
//! settled in a damaged stretch is given out. Memory is bounded by the calls that were open at once.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::decode;
use super::frame::{HEAD, Place, Stretch};
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
    newest_booked: Option<Opening>,
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
    /// The last call that was not given out, because the store has it by the mark: one that has not
    /// was set back.
    pub newest_booked: Option<Box<Opening>>,
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
            newest_booked: None,
            tally: Tally::default(),
        }
    }

    /// The next calls, at most `most` at once. To be called until it is [`Replayed::End`].
    pub fn next(&mut self, most: usize) -> io::Result<Replayed> {
        let mut settled = Vec::new();
        while settled.len() < most.max(1) && self.step(&mut settled)? {}
        if settled.is_empty() {
            return self.remains().map(Replayed::End);
        }
        Ok(Replayed::Settled(settled))
    }

    /// Takes in what comes next; false after the last segment.
    fn step(&mut self, settled: &mut Vec<(Opening, Closing)>) -> io::Result<bool> {
        if self.current.is_none() {
            self.current = self.next_segment()?;
        }
        let Some((segment, scanner)) = &mut self.current else {
            return Ok(false);
        };
        let segment = *segment;
        let stretch = |from, to| Stretch { segment, from, to };
        let (end, tally) = (scanner.offset(), &mut self.tally);
        match scanner.next()? {
            Found::Record { from, to, synced } => {
                let stretch = stretch(from, to);
                match tally.record(stretch, synced, scanner.body()) {
                    Some(call) if stretch.start() >= self.given_out => settled.push(call),
                    Some((opening, _)) => self.newest_booked = Some(opening),
                    None => {}
                }
            }
            Found::Damage { from, to } | Found::Torn { from, to } => {
                tally.flaw(stretch(from, to), Doubt::Broken);
            }
            Found::End => {
                // It may end too early.
                tally.flaw(stretch(end, end), Doubt::Broken);
                self.current = None;
            }
        }
        Ok(true)
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

    fn remains(&self) -> io::Result<Remains> {
        let (damage, torn) = self.tally.damage(&self.directory, self.given_out);
        if torn > 0 {
            tracing::warn!(journal.bytes = torn, journal.directory = %self.directory.display(), "the journal ends in records that were not finished");
        }
        let last = damage.iter().map(Stretch::start).max();
        let open = self.tally.open.values().copied();
        let (withheld, mut open): (Vec<Open>, Vec<Open>) =
            open.partition(|open| last.is_some_and(|last| open.intent.start() < last));
        open.sort_unstable_by_key(|open| open.intent.start());
        let put_aside = |flaw: &Stretch| flaw.put_aside(&self.directory);
        Ok(Remains {
            withheld: withheld.len(),
            quarantined: damage.iter().map(put_aside).collect(),
            open: self.read_open(&open)?,
            torn,
            newest_booked: self.newest_booked.clone().map(Box::new),
            damaged_through: last.map(|last| last.segment),
        })
    }

    fn read_open(&self, open: &[Open]) -> io::Result<Vec<(Opening, i64)>> {
        let mut openings = Vec::with_capacity(open.len());
        let mut segment: Option<Segment> = None;
        for call in open {
            let current = match segment.take() {
                Some(current) if current.number == call.intent.segment => current,
                _ => Segment::open(&self.directory, call.intent.segment)?,
            };
            openings.push((read_opening(&current, call)?, call.delivered));
            segment = Some(current);
        }
        Ok(openings)
    }
}

fn read_opening(segment: &Segment, call: &Open) -> io::Result<Opening> {
    let mut frame = vec![0; call.intent.bytes() as usize];
    segment
        .file
        .read_exact_at(&mut frame, call.intent.from.into())?;
    let body = frame.get(HEAD..).unwrap_or_default();
    decode::opening(body).map_err(|_| io::ErrorKind::InvalidData.into())
}
