//! Where events of a stream end (the WHATWG event stream format): at a blank line, with lines ending
//! in LF, CRLF or CR.

use std::borrow::Cow;

use memchr::memchr2;

/// How far the pending bytes are known to hold no end.
#[derive(Default)]
pub(super) struct Framing {
    line: usize,
    searched: usize,
}

impl Framing {
    /// The end of the next event in `buffer`, which must begin with what was seen before.
    pub(super) fn next_end(&mut self, buffer: &[u8]) -> Option<usize> {
        loop {
            let rest = buffer.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr2(b'\n', b'\r', rest) else {
                self.searched = buffer.len();
                return None;
            };
            let end = self.searched + at;
            let is_blank = end == self.line;
            let Some(next) = after_line(buffer, end) else {
                self.searched = end;
                return None;
            };
            (self.line, self.searched) = (next, next);
            if is_blank {
                return Some(next);
            }
        }
    }

    /// Whether nothing behind `start`, where an event begins, was searched.
    pub(super) fn is_at(&self, start: usize) -> bool {
        (self.line, self.searched) == (start, start)
    }

    /// The next event begins at `start`.
    pub(super) fn skip_to(&mut self, start: usize) {
        (self.line, self.searched) = (start, start);
    }

    /// The first `count` bytes of the buffer are gone.
    pub(super) fn forget(&mut self, count: usize) {
        self.line = self.line.saturating_sub(count);
        self.searched = self.searched.saturating_sub(count);
    }
}

/// Where the line after the end at `end` begins; unknown while a CR may be half of a CRLF.
fn after_line(buffer: &[u8], end: usize) -> Option<usize> {
    match (buffer.get(end)?, buffer.get(end + 1)) {
        (b'\r', None) => None,
        (b'\r', Some(b'\n')) => Some(end + 2),
        _ => Some(end + 1),
    }
}

/// The data of one event: its `data` lines joined by LF. `None` if it has none.
pub(super) fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let event = event.strip_prefix(b"\xef\xbb\xbf").unwrap_or(event);
    if let Some(line) = only_line(event) {
        return value(line).map(Cow::Borrowed);
    }
    let mut found: Option<Cow<[u8]>> = None;
    for line in event.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let Some(value) = value(line) else { continue };
        match &mut found {
            None => found = Some(Cow::Borrowed(value)),
            Some(all) => {
                let all = all.to_mut();
                all.push(b'\n');
                all.extend_from_slice(value);
            }
        }
    }
    found
}

/// The line of an event that has just one, as nearly all have: splitting those costs most of all.
fn only_line(event: &[u8]) -> Option<&[u8]> {
    let (line, rest) = event.split_at_checked(memchr2(b'\n', b'\r', event)?)?;
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    rest.iter().all(is_end).then_some(line)
}

fn value(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"data:")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
