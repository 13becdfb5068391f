//! The frame around a record: a magic word to find it by, a checksum to trust it by, its length, and
//! how much of the journal was on the disk when it was written. The last tells records that were
//! damaged from records that never got there. Zeros where a frame would begin are the end.

/// Begins a frame. Not UTF-8, so that no text holds it.
pub(super) const MAGIC: [u8; 4] = [0xf7, b'T', b'G', b'J'];

/// Magic word, checksum, length, segment and offset; little endian, four bytes each. The checksum
/// (CRC-32C) covers all that follows it.
pub(super) const HEAD: usize = 20;

/// More than any body has.
pub(super) const MOST_BODY: usize = 16 * 1024;

const SUM_FROM: usize = 8;

/// A place in the files of a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) offset: u32,
}

/// Some bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) segment: u32,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// What the head of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    sum: u32,
    /// Bytes of the body.
    pub(super) body: usize,
    /// Everything before this place was on the disk.
    pub(super) synced: Place,
}

impl Stretch {
    /// Where it begins.
    pub(super) fn start(&self) -> Place {
        Place {
            segment: self.segment,
            offset: self.from,
        }
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Place {
        Place {
            segment: self.segment,
            offset: self.to,
        }
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> u32 {
        self.to.saturating_sub(self.from)
    }
}

/// Makes room for the head of a frame; its body is to follow.
pub(super) fn begin(to: &mut Vec<u8>) {
    to.extend_from_slice(&[0; HEAD]);
}

/// Fills in the head of `frame`, whose body is complete.
pub(super) fn seal(frame: &mut [u8], synced: Place) {
    let body = frame.len().saturating_sub(HEAD);
    put(frame, 8, u32::try_from(body).unwrap_or(u32::MAX));
    put(frame, 12, synced.segment);
    put(frame, 16, synced.offset);
    let sum = crc32c::crc32c(frame.get(SUM_FROM..).unwrap_or_default());
    put(frame, 4, sum);
    if let Some(magic) = frame.first_chunk_mut() {
        *magic = MAGIC;
    }
}

/// The head that `bytes` begin with, if it can be one.
pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (sum, rest) = number(rest)?;
    let (body, rest) = number(rest)?;
    let (segment, rest) = number(rest)?;
    let (offset, _) = number(rest)?;
    let body = usize::try_from(body).ok()?;
    let synced = Place { segment, offset };
    let is_possible = (1..=MOST_BODY).contains(&body);
    is_possible.then_some(Head { sum, body, synced })
}

impl Head {
    /// Bytes of the whole frame.
    pub(super) fn frame(&self) -> usize {
        HEAD + self.body
    }

    /// Whether `frame` is what was written.
    pub(super) fn vouches_for(&self, frame: &[u8]) -> bool {
        let rest = frame.get(SUM_FROM..).unwrap_or_default();
        frame.len() == self.frame() && crc32c::crc32c(rest) == self.sum
    }
}

fn put(frame: &mut [u8], at: usize, number: u32) {
    if let Some(field) = frame.get_mut(at..at + 4) {
        field.copy_from_slice(&number.to_le_bytes());
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNCED: Place = Place {
        segment: 3,
        offset: 77,
    };

    fn frame() -> Vec<u8> {
        let mut frame = Vec::new();
        begin(&mut frame);
        frame.extend_from_slice(b"what it says");
        seal(&mut frame, SYNCED);
        frame
    }

    #[test]
    fn a_head_says_what_was_sealed() {
        let frame = frame();
        let head = head(&frame).unwrap();
        assert_eq!((head.body, head.synced), (12, SYNCED));
        assert!(head.vouches_for(&frame));
    }

    #[test]
    fn no_changed_byte_is_vouched_for() {
        for at in 0..frame().len() {
            let mut frame = frame();
            frame[at] ^= 0x10;
            let is_trusted = head(&frame).is_some_and(|head| head.vouches_for(&frame));
            assert!(!is_trusted, "byte {at}");
        }
    }

    #[test]
    fn zeros_are_no_head() {
        assert_eq!(head(&[0; HEAD]), None);
    }
}
