//! Where the body of an answer ends (RFC 9112 §6 and §7), and what of it is content.

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use httparse::Status;

use crate::upstream::Broken;

/// The longest line between chunks: extensions and trailers say nothing to us.
const LONGEST_LINE: usize = 8 * 1024;
/// All trailers together, at most.
const MOST_TRAILERS: usize = 32 * 1024;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many more bytes.
    Length(u64),
    /// After the last chunk.
    Chunked(Chunk),
    /// With the connection.
    Close,
}

/// What comes next of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// The size of a chunk.
    Size,
    /// So many more bytes of content.
    Content(u64),
    /// The line end behind a chunk.
    End,
    /// Trailers, of which so many bytes came.
    Trailers(usize),
    /// Nothing.
    Over,
}

/// How far one look at what came has got.
enum Step {
    /// So many bytes are no content.
    Skip(usize),
    /// So many bytes are content.
    Keep(usize),
    /// More has to come.
    Wait,
}

impl Framing {
    /// No body.
    pub(super) const NONE: Self = Self::Length(0);

    /// That of an answer. What could be read in two ways is refused.
    pub(super) fn of(
        status: StatusCode,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<Self, Broken> {
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok(Self::NONE);
        }
        if headers.contains_key(TRANSFER_ENCODING) {
            let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
            let is_chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
            let is_plain = codings.next().is_some_and(|one| is_chunked(one.as_bytes()))
                && codings.next().is_none()
                && version == Version::HTTP_11;
            return is_plain
                .then_some(Self::Chunked(Chunk::Size))
                .ok_or(Broken::Senseless("its transfer coding"));
        }
        Ok(length(headers)?.map_or(Self::Close, Self::Length))
    }

    /// Whether all of it was taken.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Over))
    }

    /// How much content is to be taken, if that is known.
    pub(super) fn length(self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(left),
            Self::Chunked(Chunk::Over) => Some(0),
            Self::Chunked(_) | Self::Close => None,
        }
    }

    /// The connection was closed.
    pub(super) fn close(&mut self) -> Result<(), Broken> {
        if *self != Self::Close {
            return Err(Broken::Early);
        }
        *self = Self::NONE;
        Ok(())
    }

    /// Takes from `read` what there is of the body, and answers its content.
    pub(super) fn take(&mut self, read: &mut BytesMut) -> Result<Bytes, Broken> {
        match self {
            Self::Length(left) => {
                let count = at_most(*left, read.len());
                *left -= count as u64;
                Ok(read.split_to(count).freeze())
            }
            Self::Chunked(chunk) => chunk.take(read),
            Self::Close => Ok(read.split().freeze()),
        }
    }
}

impl Chunk {
    /// Moves the contents of all chunks that came together: whoever reads them gets one piece.
    fn take(&mut self, read: &mut BytesMut) -> Result<Bytes, Broken> {
        // Content ends at `joined`; what is behind `seen` was not looked at yet.
        let (mut joined, mut seen) = (0, 0);
        loop {
            match self.step(read.get(seen..).unwrap_or_default())? {
                Step::Skip(count) if joined == 0 => read.advance(count),
                Step::Skip(count) => seen += count,
                Step::Keep(count) => {
                    read.copy_within(seen..seen + count, joined);
                    joined += count;
                    seen += count;
                }
                Step::Wait => break,
            }
        }
        let content = read.split_to(joined).freeze();
        read.advance(seen - joined);
        Ok(content)
    }

    /// Looks at what comes next, which `rest` begins with.
    fn step(&mut self, rest: &[u8]) -> Result<Step, Broken> {
        Ok(match self {
            Self::Size => self.size(rest)?,
            Self::Content(0) => {
                *self = Self::End;
                Step::Skip(0)
            }
            Self::Content(left) => match at_most(*left, rest.len()) {
                0 => Step::Wait,
                count => {
                    *left -= count as u64;
                    Step::Keep(count)
                }
            },
            Self::End if rest.starts_with(b"\r\n") => {
                *self = Self::Size;
                Step::Skip(2)
            }
            Self::End if b"\r\n".starts_with(rest) => Step::Wait,
            Self::End => return Err(Broken::Senseless("the end of a chunk")),
            Self::Trailers(before) => {
                let before = *before;
                self.trailer(rest, before)?
            }
            Self::Over => Step::Wait,
        })
    }

    fn size(&mut self, rest: &[u8]) -> Result<Step, Broken> {
        // httparse takes an empty line for a size of zero.
        let is_size = rest.first().is_none_or(u8::is_ascii_hexdigit);
        match httparse::parse_chunk_size(rest) {
            Ok(Status::Complete((line, size))) if is_size => {
                *self = match size {
                    0 => Self::Trailers(0),
                    size => Self::Content(size),
                };
                Ok(Step::Skip(line))
            }
            Ok(Status::Partial) if is_size && rest.len() <= LONGEST_LINE => Ok(Step::Wait),
            _ => Err(Broken::Senseless("the size of a chunk")),
        }
    }

    /// A line of the trailer, `before` bytes of which came already; an empty one ends it.
    fn trailer(&mut self, rest: &[u8], before: usize) -> Result<Step, Broken> {
        let Some(end) = memchr::memchr(b'\n', rest) else {
            let fits = rest.len() <= LONGEST_LINE;
            return fits
                .then_some(Step::Wait)
                .ok_or(Broken::Senseless("its trailer"));
        };
        let line = end + 1;
        let is_empty = rest.starts_with(b"\r\n");
        *self = match before + line {
            _ if is_empty => Self::Over,
            all if all <= MOST_TRAILERS => Self::Trailers(all),
            _ => return Err(Broken::Senseless("its trailer")),
        };
        Ok(Step::Skip(line))
    }
}

/// The one length that the head names, however often, if it names one.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Broken> {
    let values = headers.get_all(CONTENT_LENGTH).iter();
    let texts = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let mut lengths = texts.map(|text| digits(text.trim()));
    let Some(first) = lengths.next() else {
        return Ok(None);
    };
    let is_one = first.is_some() && lengths.all(|other| other == first);
    is_one
        .then_some(first)
        .ok_or(Broken::Senseless("its length"))
}

/// A number without sign.
fn digits(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

fn at_most(left: u64, there: usize) -> usize {
    usize::try_from(left).map_or(there, |left| left.min(there))
}

#[cfg(test)]
mod tests;
