//! Which segment holds which part of the log. Positions in the log only grow and outlive a segment
//! whose disk failed: what is written anew elsewhere keeps its position.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use super::frame::{self, Place};
use super::segment::Segment;

/// See the module. In order, without gaps but for what waits to be written anew.
#[derive(Default)]
pub(super) struct Log(VecDeque<Extent>);

/// The part of the log that a segment holds.
pub(super) struct Extent {
    pub(super) segment: Segment,
    pub(super) base: u64,
    pub(super) end: u64,
    /// Since when all of it is in the store.
    pub(super) booked: Option<Instant>,
}

/// Part of a segment that can be read.
pub(super) struct Readable {
    pub(super) segment: u32,
    pub(super) file: Arc<File>,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Extent {
    fn offset(&self, position: u64) -> u64 {
        position.saturating_sub(self.base)
    }

    /// Where in its segment the next record goes.
    pub(super) fn next(&self) -> u64 {
        self.offset(self.end)
    }

    /// Takes back what is behind that.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        let end = self.next();
        if end < self.segment.bytes {
            self.segment.cut(end)?;
        }
        Ok(())
    }
}

impl Log {
    /// Goes on in `segment`, which has what lies between two positions.
    pub(super) fn push(&mut self, segment: Segment, base: u64, end: u64) {
        self.0.push_back(Extent {
            segment,
            base,
            end,
            booked: None,
        });
    }

    pub(super) fn last(&self) -> Option<&Extent> {
        self.0.back()
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Extent> {
        self.0.back_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Extent> {
        self.0.iter()
    }

    /// The oldest segment's number, and where it ends.
    pub(super) fn first(&self) -> Option<(u32, u64)> {
        let first = self.0.front()?;
        Some((first.segment.number, first.end))
    }

    /// Where the oldest segment begins.
    pub(super) fn start(&self) -> u64 {
        self.0.front().map_or(0, |first| first.base)
    }

    /// Takes out the oldest segment, if it still is the one of `number` and not being written.
    pub(super) fn take(&mut self, number: u32) -> Option<Segment> {
        let is_first = self.first().is_some_and(|(first, _)| first == number);
        if !is_first || self.0.len() == 1 {
            return None;
        }
        self.0.pop_front().map(|extent| extent.segment)
    }

    /// Gives up what is behind `position`: it is to be written anew.
    pub(super) fn cut(&mut self, position: u64) {
        for extent in &mut self.0 {
            extent.base = extent.base.min(position);
            extent.end = extent.end.min(position);
        }
    }

    /// Segments that are written no more.
    pub(super) fn all_but_last(&mut self) -> impl Iterator<Item = &mut Extent> {
        let count = self.0.len().saturating_sub(1);
        self.0.iter_mut().take(count)
    }

    /// Takes out the segments of which nothing counts any more.
    pub(super) fn take_empty(&mut self) -> impl Iterator<Item = Segment> {
        let all = std::mem::take(&mut self.0).into_iter();
        let (empty, kept): (VecDeque<_>, _) = all.partition(|extent| extent.base == extent.end);
        self.0 = kept;
        empty.into_iter().map(|extent| extent.segment)
    }

    /// Everything up to `position` is in the store.
    pub(super) fn book(&mut self, position: u64, now: Instant) {
        for extent in self.all_but_last() {
            if extent.end <= position {
                extent.booked.get_or_insert(now);
            }
        }
    }

    /// Where `position` is on the disk, unless it waits to be written anew.
    pub(super) fn place(&self, position: u64) -> Option<Place> {
        let holds = |extent: &&Extent| extent.base <= position && position <= extent.end;
        let extent = self.0.iter().find(holds)?;
        Some(Place {
            segment: extent.segment.number,
            offset: u32::try_from(extent.offset(position)).unwrap_or(u32::MAX),
        })
    }

    /// What can be read from `position` on, in the segment that holds it.
    pub(super) fn readable(&self, position: u64) -> Option<Readable> {
        let holds = |extent: &&Extent| extent.base <= position && position < extent.end;
        let extent = self.0.iter().find(holds)?;
        Some(Readable {
            segment: extent.segment.number,
            file: Arc::clone(&extent.segment.file),
            from: extent.offset(position),
            to: extent.next(),
        })
    }

    /// The body of the record of `bytes` bytes at `position`.
    pub(super) fn read(&self, position: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let part = self.readable(position).ok_or(io::ErrorKind::NotFound)?;
        let mut frame = vec![0; bytes];
        part.file.read_exact_at(&mut frame, part.from)?;
        let is_whole = frame::head(&frame).is_some_and(|head| head.vouches_for(&frame));
        if !is_whole {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(frame.split_off(frame::HEAD))
    }
}
