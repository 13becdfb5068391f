//! Events of a stream mostly differ in one piece of text. What was found in one holds for the next that
//! is like it in all else, which costs a tenth of searching that, too.

use std::ops::Range;

/// Events that are learnt in vain before it is given up: some providers vary more than the text.
const LESSONS: u8 = 8;

/// An event that carries text in one place and tells nothing else.
#[derive(Default)]
pub(super) struct Likeness {
    /// What stands before the text, its opening quote included; empty while nothing is learnt.
    before: Vec<u8>,
    /// What stands behind it, from its closing quote to the end of the event.
    after: Vec<u8>,
    in_vain: u8,
}

/// An event that is like the learnt one.
pub(super) struct Alike {
    /// Bytes of the event.
    pub(super) event: usize,
    /// Bytes of its text.
    pub(super) text: usize,
}

impl Likeness {
    /// Whether there is any use in learning one more event.
    pub(super) fn is_curious(&self) -> bool {
        self.in_vain < LESSONS
    }

    /// Learns `event`, whose text is at `text`. One that ends in CR may have its end behind it.
    pub(super) fn learn(&mut self, event: &[u8], text: Range<usize>) {
        self.forget();
        self.in_vain += 1;
        let parts = event.get(..text.start).zip(event.get(text.end..));
        let Some((before, after)) = parts else { return };
        // Where a colon may follow, the text may be a name that is searched for.
        let ends_value = matches!(after, [b'"', b',' | b'}', ..]);
        if ends_value && after.ends_with(b"\n") {
            self.before.extend_from_slice(before);
            self.after.extend_from_slice(after);
        }
    }

    /// The event at the start of `bytes`, if it is whole and like the learnt one.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<Alike> {
        if self.before.is_empty() {
            return None;
        }
        let rest = bytes.strip_prefix(self.before.as_slice())?;
        let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n' | b'\r');
        let text = rest.iter().position(is_end)?;
        let after = rest.get(text..)?;
        if !after.starts_with(&self.after) {
            return None;
        }
        self.in_vain = 0;
        Some(Alike {
            event: self.before.len() + text + self.after.len(),
            text,
        })
    }

    /// One that learns nothing.
    #[cfg(test)]
    pub(super) fn incurious() -> Self {
        Self {
            in_vain: LESSONS,
            ..Self::default()
        }
    }

    fn forget(&mut self) {
        self.before.clear();
        self.after.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(before: &str, text: &str, after: &str) -> Likeness {
        let mut likeness = Likeness::default();
        let event = [before, text, after].concat();
        let end = before.len() + text.len();
        likeness.learn(event.as_bytes(), before.len()..end);
        likeness
    }

    fn found(likeness: &mut Likeness, bytes: &str) -> Option<(usize, usize)> {
        let alike = likeness.find(bytes.as_bytes())?;
        Some((alike.event, alike.text))
    }

    #[test]
    fn an_event_that_differs_in_its_text_alone_is_alike() {
        let mut likeness = learnt("data: {\"content\":\"", "one", "\"}\n\n");
        let three = "data: {\"content\":\"three\"}\n\n";
        assert_eq!(found(&mut likeness, three), Some((three.len(), 5)));
        let more = [three, "data: "].concat();
        assert_eq!(found(&mut likeness, &more), Some((three.len(), 5)));
        for other in [
            "data: {\"content\":\"three\"}\n",
            "data: {\"content\":\"th\\\"ree\"}\n\n",
            "data: {\"content\":\"th\nree\"}\n\n",
            "data: {\"content\":\"three\",\"usage\":{}}\n\n",
            "data: {\"contents\":\"three\"}\n\n",
            "data: [DONE]\n\n",
            "",
        ] {
            assert_eq!(found(&mut likeness, other), None, "{other}");
        }
    }

    #[test]
    fn what_may_be_a_name_and_what_may_go_on_is_not_learnt() {
        for after in ["\":1}\n\n", "\" :1}\n\n", "\"}\r\r"] {
            let mut likeness = learnt("data: {\"content\":\"", "x", after);
            let again = ["data: {\"content\":\"", "usage", after].concat();
            assert_eq!(found(&mut likeness, &again), None, "{after}");
        }
    }

    #[test]
    fn what_is_never_alike_is_given_up() {
        let mut likeness = Likeness::default();
        while likeness.is_curious() {
            likeness.learn(b"data: \"x\"}\n\n", 7..8);
        }
        assert!(likeness.find(b"data: \"y\"}\n\n").is_some());
        assert!(likeness.is_curious());
    }
}
