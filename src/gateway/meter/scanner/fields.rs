//! Finds single fields in an event by searching its bytes, which costs a tenth of parsing it. A hit
//! is always a field: inside a JSON string the quotes around a name would be escaped.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::{memchr, memchr2, memmem::Finder};
use serde::Deserialize;

/// The fields that are looked for in every event.
pub(super) static FIELDS: LazyLock<Fields> = LazyLock::new(|| Fields {
    usage: Field::new("\"usage\""),
    choices: Field::new("\"choices\""),
    finish_reason: Field::new("\"finish_reason\""),
    index: Field::new("\"index\""),
    content: [
        Field::new("\"content\""),
        Field::new("\"text\""),
        Field::new("\"arguments\""),
        Field::new("\"reasoning_content\""),
        Field::new("\"reasoning\""),
        Field::new("\"refusal\""),
    ],
});

/// See [`FIELDS`].
pub(super) struct Fields {
    pub(super) usage: Field,
    pub(super) choices: Field,
    pub(super) finish_reason: Field,
    index: Field,
    content: [Field; 6],
}

/// One field's name, ready to be searched for.
pub(super) struct Field(Finder<'static>);

impl Field {
    fn new(name: &'static str) -> Self {
        Self(Finder::new(name))
    }

    /// Whether the field stands anywhere in `data` with a value other than `null` and the empty string,
    /// which servers that know no `null` write instead.
    pub(super) fn has_value(&self, data: &[u8]) -> bool {
        let is_none = |value: &[u8]| value.starts_with(b"null") || value.starts_with(b"\"\"");
        self.values(data).any(|value| !is_none(value))
    }

    /// Whether the field stands in `data` as an array that is not empty.
    pub(super) fn has_elements(&self, data: &[u8]) -> bool {
        let elements = |value: &[u8]| match value.strip_prefix(b"[") {
            Some(rest) => !rest.trim_ascii_start().starts_with(b"]"),
            None => false,
        };
        self.values(data).any(elements)
    }

    /// What stands behind each `"name":` in `data`.
    fn values<'a>(&'a self, data: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let length = self.0.needle().len();
        self.0.find_iter(data).filter_map(move |at| {
            let rest = data.get(at + length..)?.trim_ascii_start();
            Some(rest.strip_prefix(b":")?.trim_ascii_start())
        })
    }
}

/// Bytes of text in the first kind of content that `data` has any of.
pub(super) fn content_bytes(data: &[u8]) -> i64 {
    let lengths = FIELDS
        .content
        .iter()
        .map(|field| field.values(data).map(text_bytes).sum());
    lengths
        .into_iter()
        .find(|length: &i64| *length > 0)
        .unwrap_or(0)
}

/// Bytes of all text that `data`, a whole answer, has of any kind; what a model thought may stand there
/// under two names.
pub(in crate::gateway::meter) fn all_content_bytes(data: &[u8]) -> i64 {
    let bytes = FIELDS
        .content
        .each_ref()
        .map(|field| field.values(data).map(text_bytes).sum::<i64>());
    let [content, text, arguments, thoughts, reasoning, refusal] = bytes;
    content + text + arguments + thoughts.max(reasoning) + refusal
}

/// Whether `data` is an error: its first field is one. Where errors stand beside choices, those
/// are finished.
pub(super) fn is_error(data: &[u8]) -> bool {
    let field = |data: &[u8]| {
        let name = data.trim_ascii_start().strip_prefix(b"{")?;
        let rest = name.trim_ascii_start().strip_prefix(b"\"error\"")?;
        let value = rest.trim_ascii_start().strip_prefix(b":")?;
        Some(!value.trim_ascii_start().starts_with(b"null"))
    };
    field(data).unwrap_or(false)
}

/// The index of the first choice of `data`; the first choice of all where it has none.
pub(super) fn choice_index(data: &[u8]) -> u32 {
    let mut values = FIELDS.index.values(data);
    let first = values.next();
    // Calls of tools have one as well, and may stand before their choice's.
    if values.next().is_some() {
        return parsed_index(data);
    }
    let digits = first.into_iter().flatten();
    digits
        .map_while(|byte| char::from(*byte).to_digit(10))
        .fold(0, |index, digit| {
            index.saturating_mul(10).saturating_add(digit)
        })
}

fn parsed_index(data: &[u8]) -> u32 {
    #[derive(Deserialize)]
    struct Event {
        choices: Vec<Choice>,
    }
    #[derive(Deserialize)]
    struct Choice {
        #[serde(default)]
        index: u32,
    }
    let event = serde_json::from_slice::<Event>(data).ok();
    let first = event.and_then(|event| event.choices.into_iter().next());
    first.map_or(0, |choice| choice.index)
}

/// Where the text of `data` stands, if it has text in just one place.
pub(super) fn only_content(data: &[u8]) -> Option<Range<usize>> {
    let values = FIELDS.content.iter().flat_map(|field| field.values(data));
    let mut texts = values.filter_map(|value| {
        let start = data.len() - value.len() + 1;
        let length = usize::try_from(string_length(value)).ok()?;
        (length > 0).then_some(start..start + length)
    });
    let only = texts.next()?;
    texts.next().is_none().then_some(only)
}

/// Bytes of the text that the string at the start of `value` means: many providers write every letter
/// outside ASCII as an escape of six bytes.
fn text_bytes(value: &[u8]) -> i64 {
    let length = usize::try_from(string_length(value)).unwrap_or(usize::MAX);
    let mut rest = value.get(1..).unwrap_or_default();
    rest = rest.get(..length).unwrap_or(rest);
    let mut bytes = rest.len();
    while let Some(at) = memchr(b'\\', rest) {
        let escape = rest.get(at..).unwrap_or_default();
        let (written, meant) = escaped(escape);
        bytes -= written - meant;
        rest = escape.get(written..).unwrap_or_default();
    }
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// How many bytes of `escape` are one, and how many it stands for in UTF-8.
fn escaped(escape: &[u8]) -> (usize, usize) {
    let digits = escape.strip_prefix(b"\\u").and_then(|rest| rest.get(..4));
    let Some(digits) = digits else { return (2, 1) };
    match digits {
        [b'0', b'0', b'0'..=b'7', _] => (6, 1),
        // Halves of a pair stand for four bytes together.
        [b'0', b'0'..=b'7', _, _]
        | [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', _, _] => (6, 2),
        _ => (6, 3),
    }
}

/// The bytes between the quotes of the string at the start of `value`.
fn string_length(value: &[u8]) -> i64 {
    let Some(text) = value.strip_prefix(b"\"") else {
        return 0;
    };
    let mut end = 0;
    while let Some(at) = memchr2(b'"', b'\\', text.get(end..).unwrap_or_default()) {
        end += at;
        if text.get(end) == Some(&b'"') {
            break;
        }
        end += 2;
    }
    i64::try_from(end.min(text.len())).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_inside_strings_are_no_fields() {
        let data = br#"{"choices":[{"delta":{"content":"\"usage\": 1"}}],"usage":null}"#;
        assert!(!FIELDS.usage.has_value(data));
        assert!(FIELDS.usage.has_value(br#"{"usage" : {"total_tokens":1}}"#));
    }

    #[test]
    fn an_empty_string_is_no_value() {
        let has = |value: &str| {
            let data = format!(r#"{{"choices":[{{"finish_reason" : {value}}}]}}"#);
            FIELDS.finish_reason.has_value(data.as_bytes())
        };
        assert!(!has("null") && !has("\"\"") && has("\"stop\""));
    }

    #[test]
    fn content_is_measured_to_its_closing_quote() {
        assert_eq!(
            content_bytes(br#"{"delta":{"content":"ab\"c"},"x":"y"}"#),
            4
        );
        assert_eq!(
            content_bytes(br#"{"delta":{"content":null,"reasoning_content": "abc"}}"#),
            3
        );
        assert_eq!(
            content_bytes(br#"{"delta":{"role":"assistant","content":""}}"#),
            0
        );
    }

    #[test]
    fn escapes_count_as_what_they_stand_for() {
        let of = |text: &str| content_bytes(format!(r#"{{"content":"{text}"}}"#).as_bytes());
        for (escaped, meant) in [
            (r"\u0431\u044b", "бы"),
            (r"\u4e2d\n", "中\n"),
            (r"\ud83d\ude00", "😀"),
            (r"\u007a\u00e9", "zé"),
            (r#"\"x\\"#, r#""x\"#),
        ] {
            assert_eq!(
                of(escaped),
                i64::try_from(meant.len()).unwrap(),
                "{escaped}"
            );
        }
        assert_eq!(content_bytes(br#"{"content":"ab\u04"#), 3, "cut off");
    }

    #[test]
    fn the_index_of_a_choice_is_its_own() {
        let data = br#"{"choices":[{"index":12,"delta":{"tool_calls":[{"index":3}]}}]}"#;
        assert_eq!(choice_index(data), 12);
        let sorted = br#"{"choices":[{"delta":{"tool_calls":[{"index":3}]},"index":12}]}"#;
        assert_eq!(choice_index(sorted), 12);
        let none = br#"{"choices":[{"delta":{"tool_calls":[{"index":3},{"index":4}]}}]}"#;
        assert_eq!(choice_index(none), 0);
        assert_eq!(choice_index(br#"{"choices":[{"delta":{}}]}"#), 0);
    }

    #[test]
    fn an_empty_array_has_no_elements() {
        assert!(!FIELDS.choices.has_elements(br#"{"choices":[ ]}"#));
        assert!(
            FIELDS
                .choices
                .has_elements(br#"{"choices": [{"index":0}]}"#)
        );
    }
}
