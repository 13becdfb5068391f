//! A JSON object as its fields, each with its value's own text: strict where parsers differ.
//! Providers disagree on which of two duplicate keys counts and on whether case matters, so there
//! may be no duplicates, and what the gateway reads has to be spelled as it reads it.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::gateway::refusal::Refusal;

/// No client sends more; without a limit a body of tiny fields would cost memory many times over.
const MOST_FIELDS: usize = 256;
const TOO_MANY: &str = "too many fields";

/// The fields that the gateway goes by.
const READ: [&str; 19] = [
    "model",
    "models",
    "fallbacks",
    "stream",
    "stream_options",
    "include_usage",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "best_of",
    "messages",
    "prompt",
    "prediction",
    "tools",
    "web_search_options",
    "search_parameters",
    "plugins",
    "data_sources",
    "enable_search",
];

/// The fields of one object, in order.
#[derive(Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A string, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'a> Fields<'a> {
    /// Reads an object. `path` names it in a refusal of duplicates, with a dot at its end.
    pub(super) fn read(json: &'a [u8], path: &str) -> Result<Self, Refusal> {
        let fields: Self = serde_json::from_slice(json).map_err(|error| unread(&error))?;
        if let Some(name) = fields.duplicate() {
            return Err(Refusal::DuplicateField(format!("{path}{}", brief(name))));
        }
        match fields.misspelt() {
            Some(param) => Err(Refusal::InvalidValue {
                param,
                expected: "spelled in lower case",
            }),
            None => Ok(fields),
        }
    }

    /// A name that is there twice. Sorting finds it at less than the cost of a set.
    fn duplicate(&self) -> Option<&str> {
        let names = || self.0.iter().map(|(name, _)| folded(name));
        let mut sorted: SmallVec<[Cow<str>; 16]> = names().collect();
        sorted.sort_unstable();
        let mut pairs = sorted.windows(2);
        let twice = pairs.find_map(|pair| match pair {
            [one, other] if one == other => Some(one),
            _ => None,
        })?;
        let mut fields = self.0.iter().rev();
        let last = fields.find(|(name, _)| folded(name) == *twice);
        last.map(|(name, _)| name.as_ref())
    }

    /// A field that the gateway goes by, in letters of another case.
    fn misspelt(&self) -> Option<&'static str> {
        let folded = self.0.iter().map(|(name, _)| folded(name));
        let mut others = folded.filter(|folded| matches!(folded, Cow::Owned(_)));
        others.find_map(|folded| READ.into_iter().find(|read| *read == folded))
    }

    /// The text of a field's value; a field that is `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let mut fields = self.0.iter();
        let value = fields.find(|(field, _)| field == name)?.1.get();
        (value != "null").then_some(value)
    }

    /// The same with `null` as a value, for replacing it.
    pub(super) fn get_or_null(&self, name: &str) -> Option<&'a str> {
        let mut fields = self.0.iter();
        Some(fields.find(|(field, _)| field == name)?.1.get())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(Name(name)) = map.next_key()? {
                    if fields.len() == MOST_FIELDS {
                        return Err(M::Error::custom(TOO_MANY));
                    }
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn unread(error: &serde_json::Error) -> Refusal {
    if error.to_string().starts_with(TOO_MANY) {
        return Refusal::InvalidValue {
            param: "body",
            expected: "an object of at most 256 fields",
        };
    }
    Refusal::InvalidJson
}

/// A name as the most forgiving parser reads it: some ignore case, also that of the two letters
/// outside ASCII whose other case lies within. Borrowed if that changes nothing.
fn folded(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let upper = name.chars().flat_map(char::to_uppercase);
    Cow::Owned(upper.flat_map(char::to_lowercase).collect())
}

/// Where `part`, a piece of `whole`, lies in it.
pub(super) fn span(whole: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

/// Enough of a caller's own text to recognise it, not enough to flood an answer.
fn brief(name: &str) -> &str {
    let end = name.char_indices().nth(64).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or_default()
}

/// Whether some `\u` escape is half of a surrogate pair, which is no text: parsers that only skip
/// over strings do not notice.
pub(super) fn has_lone_surrogate(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let escape = rest.get(at..).unwrap_or_default();
        let used = match unit(escape) {
            Some(0xD800..=0xDBFF) => match escape.get(6..).and_then(unit) {
                Some(0xDC00..=0xDFFF) => 12,
                _ => return true,
            },
            Some(0xDC00..=0xDFFF) => return true,
            Some(_) => 6,
            None => 2,
        };
        rest = escape.get(used..).unwrap_or_default();
    }
    false
}

/// The code unit of a `\uXXXX` escape at the start of `text`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_found_in_both_orders_and_behind_escapes() {
        let bodies = [
            r#"{"model":"a","model":"b"}"#,
            r#"{"model":"b","model":"a"}"#,
            r#"{"model":"a","mod\u0065l":"b"}"#,
        ];
        for body in bodies {
            let refusal = Fields::read(body.as_bytes(), "").err();
            assert_eq!(
                refusal,
                Some(Refusal::DuplicateField("model".into())),
                "{body}"
            );
        }
    }

    #[test]
    fn names_that_differ_in_case_only_are_duplicates() {
        for twin in ["Model", "MODEL", "mode\u{006c}", "\\u004dodel"] {
            for body in [
                format!(r#"{{"model":"a","{twin}":"b"}}"#),
                format!(r#"{{"{twin}":"b","model":"a"}}"#),
            ] {
                let refusal = Fields::read(body.as_bytes(), "").err();
                assert!(
                    matches!(refusal, Some(Refusal::DuplicateField(_))),
                    "{body}"
                );
            }
        }
    }

    #[test]
    fn what_is_read_is_spelled_in_lower_case() {
        let misspelt = |body: &str| match Fields::read(body.as_bytes(), "") {
            Err(Refusal::InvalidValue { param, .. }) => Some(param),
            _ => None,
        };
        assert_eq!(misspelt(r#"{"Max_Tokens":9}"#), Some("max_tokens"));
        assert_eq!(
            misspelt("{\"max_to\u{212a}en\u{17f}\":9}"),
            Some("max_tokens")
        );
        assert_eq!(misspelt(r#"{"X-Extra":9,"é":1}"#), None);
    }

    #[test]
    fn broken_json_is_refused() {
        let mut bodies: Vec<Vec<u8>> = ["", "{", "{}{", "[]", "1", "{\"a\":NaN}", "\u{feff}{}"]
            .iter()
            .map(|body| body.as_bytes().to_vec())
            .collect();
        bodies.push(vec![0xff, 0xfe, b'{', 0, b'}', 0]);
        bodies.push(b"{\"a\":\"\xff\"}".to_vec());
        for body in bodies {
            assert_eq!(Fields::read(&body, "").err(), Some(Refusal::InvalidJson));
        }
    }

    #[test]
    fn spans_point_at_values() {
        let body = br#"{ "model" : "gpt", "n": 2 }"#;
        let fields = Fields::read(body, "").unwrap();
        assert_eq!(&body[span(body, fields.get("model").unwrap())], b"\"gpt\"");
    }

    #[test]
    fn half_a_surrogate_pair_is_noticed() {
        assert!(has_lone_surrogate(br#""\ud83d""#));
        assert!(has_lone_surrogate(br#""\ude00 x""#));
        assert!(!has_lone_surrogate(br#""\ud83d\ude00 \u00e9 \\ud83d \n""#));
    }

    #[test]
    fn a_flood_of_fields_is_refused() {
        let fields: Vec<String> = (0..300).map(|n| format!("\"{n}\":1")).collect();
        let body = format!("{{{}}}", fields.join(","));
        let refusal = Fields::read(body.as_bytes(), "").err();
        assert!(matches!(
            refusal,
            Some(Refusal::InvalidValue { param: "body", .. })
        ));
    }
}
