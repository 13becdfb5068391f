//! Watches a stream of events pass and keeps what its cost depends on. Boundaries between reads fall
//! anywhere; whatever they are, the same bytes come out and the same usage is found. Losing sight
//! of an oversized event costs precision, never a byte.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::unattended::Watch;
use super::usage;
use crate::domain::usage::Ending;

mod fields;
mod framing;
mod likeness;
mod oversized;
mod seen;

pub(super) use fields::all_content_bytes;
use fields::{FIELDS, choice_index, content_bytes, is_error, only_content};
use framing::Framing;
use likeness::Likeness;
use seen::Seen;

/// The largest event that is looked into; no event with usage comes near it.
const LARGEST_EVENT: usize = 256 * 1024;

/// See the module.
pub(super) struct Scanner {
    /// Usage that only we asked for is taken out: such events are forwarded whole or not at all.
    hides_usage: bool,
    /// The event that is not complete yet.
    pending: BytesMut,
    framing: Framing,
    likeness: Likeness,
    /// The event is too large to be looked into: it passes, and only its end is looked for.
    is_blind: bool,
    /// The stream ended within an event.
    is_torn: bool,
    seen: Seen,
}

impl Scanner {
    pub(super) fn new(hides_usage: bool) -> Self {
        Self {
            hides_usage,
            pending: BytesMut::new(),
            framing: Framing::default(),
            likeness: Likeness::default(),
            is_blind: false,
            is_torn: false,
            seen: Seen::default(),
        }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Whether what was forwarded ends between two events.
    pub(super) fn is_at_boundary(&self) -> bool {
        let is_torn = self.is_torn || self.is_blind;
        !is_torn && (self.hides_usage || self.pending.is_empty())
    }

    /// Looks at `bytes` and answers what of them, and of what was withheld, goes on.
    pub(super) fn pass(&mut self, bytes: Bytes) -> Bytes {
        if self.seen.is_done {
            return bytes;
        }
        if !self.is_blind {
            return self.look(bytes);
        }
        let Some(end) = self.end_of_oversized(&bytes) else {
            return bytes;
        };
        let rest = self.look(bytes.slice(end..));
        if !self.hides_usage {
            return bytes;
        }
        let mut all = BytesMut::from(bytes.get(..end).unwrap_or_default());
        all.extend_from_slice(&rest);
        all.freeze()
    }

    fn look(&mut self, bytes: Bytes) -> Bytes {
        let forwarded = if self.hides_usage {
            self.filter(&bytes)
        } else {
            self.watch(bytes)
        };
        self.look_for_done();
        self.is_blind = self.pending.len() > LARGEST_EVENT;
        if self.is_blind || self.seen.is_done {
            return self.release(forwarded);
        }
        forwarded
    }

    /// The stream ended: what was withheld goes on, unless it is to be hidden.
    pub(super) fn finish(&mut self) -> Bytes {
        if self.is_blind {
            return Bytes::new();
        }
        let event = self.pending.split().freeze();
        let is_hidden = self.inspect(&event);
        self.is_torn = !event.is_empty() && !is_hidden;
        if self.hides_usage && !is_hidden {
            event
        } else {
            Bytes::new()
        }
    }

    /// Forwards everything; complete events are looked at in place where they came in one piece.
    fn watch(&mut self, bytes: Bytes) -> Bytes {
        if self.pending.is_empty() {
            let complete = self.inspect_all(&bytes, |_| {});
            self.pending
                .extend_from_slice(bytes.get(complete..).unwrap_or_default());
        } else {
            self.pending.extend_from_slice(&bytes);
            let joined = self.pending.split();
            let complete = self.inspect_all(&joined, |_| {});
            self.pending = joined;
            let _ = self.pending.split_to(complete);
        }
        bytes
    }

    /// Forwards complete events except hidden ones.
    fn filter(&mut self, bytes: &Bytes) -> Bytes {
        let all = if self.pending.is_empty() {
            bytes.clone()
        } else {
            self.pending.extend_from_slice(bytes);
            self.pending.split().freeze()
        };
        let mut hidden = Vec::new();
        let complete = self.inspect_all(&all, |event| hidden.push(event));
        self.pending
            .extend_from_slice(all.get(complete..).unwrap_or_default());
        without(&all.slice(..complete), &hidden)
    }

    /// Inspects the complete events of `buffer`, names those to hide, and answers where they end.
    fn inspect_all(
        &mut self,
        buffer: &[u8],
        mut hide: impl FnMut(std::ops::Range<usize>),
    ) -> usize {
        let mut start = self.pass_alike(buffer, 0);
        while let Some(end) = self.framing.next_end(buffer) {
            if self.inspect(buffer.get(start..end).unwrap_or_default()) {
                hide(start..end);
            }
            start = self.pass_alike(buffer, end);
        }
        self.framing.forget(start);
        start
    }

    /// Notes the events from `start` on that are like the last one, and answers where they end.
    fn pass_alike(&mut self, buffer: &[u8], mut start: usize) -> usize {
        while self.framing.is_at(start) && !self.seen.is_done {
            let rest = buffer.get(start..).unwrap_or_default();
            let Some(alike) = self.likeness.find(rest) else {
                break;
            };
            self.seen.events += 1;
            self.seen.content_bytes += i64::try_from(alike.text).unwrap_or(i64::MAX);
            start += alike.event;
            self.framing.skip_to(start);
        }
        start
    }

    /// Notes what `event` tells and answers whether it is to be hidden.
    fn inspect(&mut self, event: &[u8]) -> bool {
        let Some(data) = framing::data(event) else {
            return false;
        };
        if self.seen.is_done {
            return false;
        }
        if is_done(&data) {
            self.seen.is_done = true;
            return false;
        }
        let usage = self.note_usage(&data);
        let is_text = self.note_delivery(&data);
        if let (None, true, Cow::Borrowed(data)) = (usage, is_text, &data) {
            self.learn(event, data);
        }
        let is_usage_alone = usage.unwrap_or(false);
        is_usage_alone && self.hides_usage
    }

    /// Answers whether usage is all that the event tells; `None` if it tells none.
    fn note_usage(&mut self, data: &[u8]) -> Option<bool> {
        if !FIELDS.usage.has_value(data) {
            return None;
        }
        let (usage, is_alone) = usage::of_event(data)?;
        if !usage.is_nothing() {
            self.seen.usage = Some(usage);
        }
        Some(is_alone)
    }

    /// Answers whether the event carries a choice and nothing that ends the stream.
    fn note_delivery(&mut self, data: &[u8]) -> bool {
        let is_error = is_error(data);
        self.seen.is_failed |= is_error;
        if !FIELDS.choices.has_elements(data) {
            return false;
        }
        self.seen.events += 1;
        self.seen.content_bytes += content_bytes(data);
        let is_last = FIELDS.finish_reason.has_value(data);
        self.seen.choice(choice_index(data), is_last);
        !is_error && !is_last
    }

    /// Learns from an event whose `data`, a part of it, tells nothing but text.
    fn learn(&mut self, event: &[u8], data: &[u8]) {
        if !self.likeness.is_curious() {
            return;
        }
        let at = data.as_ptr().addr().saturating_sub(event.as_ptr().addr());
        if let Some(text) = only_content(data) {
            self.likeness.learn(event, at + text.start..at + text.end);
        }
    }

    /// The end counts as soon as its text is complete, even without the blank line behind it.
    fn look_for_done(&mut self) {
        if self.pending.len() < 64 {
            let data = framing::data(&self.pending);
            self.seen.is_done |= data.is_some_and(|data| is_done(&data));
        }
    }
}

impl Watch for Scanner {
    fn see(&mut self, bytes: Bytes) {
        self.pass(bytes);
    }

    fn is_over(&self) -> bool {
        self.seen.is_done
    }

    fn finish(&mut self) {
        Self::finish(self);
    }

    fn delivered(&self) -> i64 {
        self.seen.delivered()
    }

    fn ending(&self) -> Ending {
        Ending::Ran {
            usage: self.seen.usage,
            delivered: self.seen.delivered(),
        }
    }
}

fn is_done(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]"
}

fn without(all: &Bytes, hidden: &[std::ops::Range<usize>]) -> Bytes {
    if hidden.is_empty() {
        return all.clone();
    }
    let mut kept = BytesMut::with_capacity(all.len());
    let mut from = 0;
    for event in hidden {
        kept.extend_from_slice(all.get(from..event.start).unwrap_or_default());
        from = event.end;
    }
    kept.extend_from_slice(all.get(from..).unwrap_or_default());
    kept.freeze()
}

#[cfg(test)]
mod tests;
