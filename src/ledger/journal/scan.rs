//! Finds the records of a segment, one after the other and with little memory. Where bytes are no
//! record it looks for the next magic word that begins one, so that damage costs what it touches.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use memchr::memmem;

use super::blank::end_of_written;
use super::frame::{self, HEAD, MAGIC, Place};

const CHUNK: usize = 256 * 1024;

/// See the module.
pub(super) struct Scanner {
    file: Arc<File>,
    /// Where reading ends.
    end: u64,
    /// Bytes of the file, from `start` on.
    window: Vec<u8>,
    start: u64,
    /// Where in the window the next record begins.
    next: usize,
    /// Where in the window the last body is.
    body: Range<usize>,
}

/// What comes next in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A record; [`Scanner::body`] is what it says.
    Record {
        from: u32,
        to: u32,
        /// What was on the disk when it was written.
        synced: Place,
    },
    /// Bytes between records that are none.
    Damage { from: u32, to: u32 },
    /// Bytes behind the last record that are none, and where the last that is not zero ends.
    Torn { from: u32, to: u32 },
    /// Nothing but zeros, if anything.
    End,
}

impl Scanner {
    /// Reads `file` between two offsets, the first of which begins a record.
    pub(super) fn new(file: Arc<File>, from: u64, end: u64) -> Self {
        Self {
            file,
            end,
            window: Vec::new(),
            start: from,
            next: 0,
            body: 0..0,
        }
    }

    /// Goes on to the next record.
    pub(super) fn next(&mut self) -> io::Result<Found> {
        let from = self.offset();
        if let Some(head) = self.head()? {
            self.body = self.next + HEAD..self.next + head.frame();
            self.next = self.body.end;
            return Ok(Found::Record {
                from,
                to: self.offset(),
                synced: head.synced,
            });
        }
        let mut last_written = None;
        while self.fill(1)? {
            self.look_ahead(&mut last_written);
            if self.head()?.is_some() {
                let to = self.offset();
                return Ok(Found::Damage { from, to });
            }
        }
        Ok(last_written.map_or(Found::End, |to| Found::Torn { from, to }))
    }

    /// The body of the record that was found last.
    pub(super) fn body(&self) -> &[u8] {
        self.window.get(self.body.clone()).unwrap_or_default()
    }

    /// Where the next record begins.
    pub(super) fn offset(&self) -> u32 {
        u32::try_from(self.start + self.next as u64).unwrap_or(u32::MAX)
    }

    /// The head of a whole record at this place, if there is one.
    fn head(&mut self) -> io::Result<Option<frame::Head>> {
        if !self.fill(HEAD)? {
            return Ok(None);
        }
        let Some(head) = frame::head(self.rest()) else {
            return Ok(None);
        };
        if !self.fill(head.frame())? {
            return Ok(None);
        }
        let frame = self.rest().get(..head.frame()).unwrap_or_default();
        Ok(head.vouches_for(frame).then_some(head))
    }

    /// Steps over at least one byte, to where the next magic word is or could begin.
    fn look_ahead(&mut self, last_written: &mut Option<u32>) {
        let behind = self.rest().get(1..).unwrap_or_default();
        let magic = memmem::find(behind, &MAGIC);
        let step = 1 + magic.unwrap_or((behind.len() + 1).saturating_sub(MAGIC.len()));
        let skipped = self.rest().get(..step).unwrap_or_default();
        if let Some(end) = end_of_written(skipped) {
            *last_written = u32::try_from(self.start + (self.next + end) as u64).ok();
        }
        self.next += step;
    }

    fn rest(&self) -> &[u8] {
        self.window.get(self.next..).unwrap_or_default()
    }

    /// Whether there are `bytes` more; then they are in the window.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        if self.rest().len() >= bytes {
            return Ok(true);
        }
        self.window.drain(..self.next);
        self.start += self.next as u64;
        self.next = 0;
        let kept = self.window.len();
        let unread = self.end.saturating_sub(self.start + kept as u64);
        let more = usize::try_from(unread).unwrap_or(usize::MAX).min(CHUNK);
        self.window.resize(kept + more, 0);
        let room = self.window.get_mut(kept..).unwrap_or_default();
        let read = read_all(&self.file, room, self.start + kept as u64)?;
        self.window.truncate(kept + read);
        Ok(self.window.len() >= bytes)
    }
}

/// As much as there is.
fn read_all(file: &File, mut room: &mut [u8], mut offset: u64) -> io::Result<usize> {
    let mut total = 0;
    while !room.is_empty() {
        match file.read_at(room, offset) {
            Ok(0) => break,
            Ok(read) => {
                room = room.get_mut(read..).unwrap_or_default();
                offset += read as u64;
                total += read;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bodies: &[&[u8]]) -> Vec<u8> {
        let mut all = Vec::new();
        for body in bodies {
            let start = all.len();
            frame::begin(&mut all);
            all.extend_from_slice(body);
            frame::seal(&mut all[start..], Place::default());
        }
        all
    }

    fn scanner(bytes: &[u8]) -> Scanner {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        Scanner::new(Arc::new(file), 0, bytes.len() as u64)
    }

    fn bodies(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<Found>) {
        let mut scanner = scanner(bytes);
        let (mut bodies, mut others) = (Vec::new(), Vec::new());
        loop {
            match scanner.next().unwrap() {
                Found::Record { .. } => bodies.push(scanner.body().to_vec()),
                Found::End => return (bodies, others),
                other => others.push(other),
            }
        }
    }

    #[test]
    fn records_are_found_up_to_the_zeros() {
        let large = vec![7; frame::MOST_BODY];
        let many: Vec<&[u8]> = (0..40).map(|_| large.as_slice()).collect();
        let mut bytes = frames(&many);
        assert!(bytes.len() > CHUNK * 2);
        assert_eq!(bodies(&bytes).0, many);
        bytes.extend_from_slice(&[0; 1000]);
        assert_eq!(
            bodies(&bytes),
            (many.iter().map(|b| b.to_vec()).collect(), vec![])
        );
    }

    #[test]
    fn a_torn_record_is_the_end() {
        let bytes = frames(&[b"one", b"two"]);
        for end in HEAD + 4..bytes.len() {
            let torn = [&bytes[..end], &[0; 100]].concat();
            let (found, others) = bodies(&torn);
            assert_eq!(found, [b"one"], "{end}");
            assert!(matches!(others[..], [Found::Torn { from: 23, .. }]));
        }
    }

    #[test]
    fn damage_costs_the_record_it_touches() {
        let bytes = frames(&[b"one", b"two", b"three"]);
        for at in 23..46 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let (found, others) = bodies(&damaged);
            assert_eq!(found, [&b"one"[..], &b"three"[..]], "byte {at}");
            assert_eq!(others, [Found::Damage { from: 23, to: 46 }]);
        }
    }

    #[test]
    fn a_hole_of_zeros_is_damage_if_records_follow() {
        let hole = vec![0; CHUNK + 3];
        let bytes = [frames(&[b"one"]), hole, frames(&[b"two"])].concat();
        let (found, others) = bodies(&bytes);
        assert_eq!(found, [b"one", b"two"]);
        let to = 23 + u32::try_from(CHUNK).unwrap() + 3;
        assert_eq!(others, [Found::Damage { from: 23, to }]);
    }
}
