//! The strings of a body, for counting their tokens. Bytes bound every token, so that a string may
//! be left out, but none may be taken for something else.

use std::ops::Range;

use super::fields::{Fields, span};
use super::parts;

/// A string as it stands in a body, between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// With its escapes.
    pub raw: &'a str,
    /// Whether the model reads it without them: it is part of a message or a prompt. Anything else,
    /// such as a tool's description, may be shown to it as JSON.
    pub is_spoken: bool,
}

/// See [`texts`].
pub struct Texts<'a> {
    body: &'a str,
    at: usize,
    spoken: [Range<usize>; 3],
    /// In the order in which they stand there.
    not_text: std::iter::Peekable<std::vec::IntoIter<Range<usize>>>,
}

/// The strings of an inspected body, names of fields included, without those of parts that are no
/// text.
pub fn texts(body: &[u8]) -> Texts<'_> {
    let fields = Fields::read(body, "").unwrap_or_default();
    let field = |name| fields.get(name).map(|raw| span(body, raw));
    let spoken = ["messages", "prompt", "input"].map(|name| field(name).unwrap_or_default());
    let parts = parts::of(&fields).raw;
    let parts: Vec<_> = parts.into_iter().map(|part| span(body, part)).collect();
    Texts {
        body: std::str::from_utf8(body).unwrap_or_default(),
        at: 0,
        spoken,
        not_text: parts.into_iter().peekable(),
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        loop {
            let rest = self.body.as_bytes().get(self.at..)?;
            let start = self.at + memchr::memchr(b'"', rest)?;
            while self.not_text.next_if(|part| part.end <= start).is_some() {}
            if let Some(part) = self.not_text.next_if(|part| part.start <= start) {
                self.at = part.end;
                continue;
            }
            let raw = string(self.body.get(start + 1..)?)?;
            self.at = start + 1 + raw.len() + 1;
            let is_spoken = self.spoken.iter().any(|field| field.contains(&start));
            return Some(Text { raw, is_spoken });
        }
    }
}

/// What stands before the quote that ends a string.
fn string(rest: &str) -> Option<&str> {
    let mut at = 0;
    loop {
        let found = memchr::memchr2(b'"', b'\\', rest.as_bytes().get(at..)?)?;
        at += found;
        if rest.as_bytes().get(at) == Some(&b'"') {
            return rest.get(..at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Vec<(&str, bool)> {
        let texts = texts(body.as_bytes());
        texts.map(|text| (text.raw, text.is_spoken)).collect()
    }

    #[test]
    fn strings_end_at_the_first_quote_that_is_not_escaped() {
        let body = r#"{"prompt":"a \" b \\","user":"\\\"","x":""}"#;
        let expected = [
            ("prompt", false),
            (r#"a \" b \\"#, true),
            ("user", false),
            (r#"\\\""#, false),
            ("x", false),
            ("", false),
        ];
        assert_eq!(of(body), expected);
    }

    #[test]
    fn what_messages_say_is_spoken_and_images_are_left_out() {
        let image = r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#;
        let body = format!(
            r#"{{"messages":[{{"content":[{image},{{"type":"text","text":"hi"}},{image}]}},{{"content":"ho"}}],"tools":[{{"description":"d"}}]}}"#
        );
        let texts = of(&body);
        let spoken = texts.iter().filter(|text| text.1).map(|text| text.0);
        assert_eq!(
            spoken.collect::<Vec<_>>(),
            ["content", "type", "text", "text", "hi", "content", "ho"]
        );
        assert!(texts.contains(&("d", false)));
        assert!(!texts.iter().any(|text| text.0.contains("AAAA")));
    }
}
