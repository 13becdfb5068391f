//! Reads usage out of what providers send: under its own name or another's, whole or in a stream,
//! present, null or nonsense. What cannot be read is no usage; what cannot be true is for the
//! ledger to see.

use memchr::memmem;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::scanner::all_content_bytes;
use crate::domain::usage::Usage;

/// What a document tells about its cost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// What the provider reports.
    pub(super) usage: Option<Usage>,
    /// About how many output tokens it carries.
    pub(super) delivered: i64,
}

/// The fields of a document or a stream's event that tell usage.
#[derive(Deserialize)]
struct Reporting<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    x_groq: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// `OpenAI`'s names; details are parts of the totals.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Option<OfPrompt>,
    completion_tokens_details: Option<OfCompletion>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfPrompt {
    cached_tokens: Count,
    cache_write_tokens: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfCompletion {
    reasoning_tokens: Count,
}

/// A number of tokens as it came: absent, or whatever JSON number.
#[derive(Clone, Copy, Default)]
struct Count(Option<i64>);

/// Reads a whole answer; `None` if it is no JSON object.
pub(super) fn of_document(body: &[u8]) -> Option<Document> {
    // A list of the fields' values would do, too.
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let reporting: Reporting = serde_json::from_slice(body).ok()?;
    let usage = reporting.usage().filter(|usage| !usage.is_nothing());
    let delivered = if usage.is_some() {
        0
    } else {
        reporting.delivered()
    };
    Some(Document { usage, delivered })
}

/// The usage in a stream's event, and whether the event carries nothing else.
pub(super) fn of_event(data: &[u8]) -> Option<(Usage, bool)> {
    let reporting: Reporting = serde_json::from_slice(data).ok()?;
    let is_empty = |choices: &RawValue| choices.get().trim_matches(['[', ']', ' ']).is_empty();
    let is_alone = reporting.choices.is_some_and(is_empty) && reporting.error.is_none();
    Some((reporting.usage()?, is_alone))
}

/// The usage that stands last in the end of a document, which is all that there is of it.
pub(super) fn at_end(tail: &[u8]) -> Option<Usage> {
    const NAME: &[u8] = b"\"usage\"";
    let at = memmem::rfind(tail, NAME)?;
    let rest = tail.get(at + NAME.len()..)?.trim_ascii_start();
    let mut values = serde_json::Deserializer::from_slice(rest.strip_prefix(b":")?).into_iter();
    parse(values.next()?.ok()?).filter(|usage| !usage.is_nothing())
}

impl Reporting<'_> {
    fn usage(&self) -> Option<Usage> {
        #[derive(Deserialize)]
        struct Groq<'a> {
            #[serde(borrow, default)]
            usage: Option<&'a RawValue>,
        }
        let own = self.usage.and_then(parse);
        own.or_else(|| {
            let groq = serde_json::from_str::<Groq>(self.x_groq?.get()).ok()?;
            parse(groq.usage?)
        })
    }

    fn delivered(&self) -> i64 {
        let choices = self.choices.map_or("", RawValue::get);
        all_content_bytes(choices.as_bytes()).saturating_add(3) / 4
    }
}

fn parse(raw: &RawValue) -> Option<Usage> {
    let raw: RawUsage = serde_json::from_str(raw.get()).ok()?;
    let counts = [raw.prompt_tokens, raw.completion_tokens, raw.total_tokens];
    if counts.iter().all(|count| count.0.is_none()) {
        return None;
    }
    let [input, output, total] = counts.map(Count::get);
    let of_prompt = raw.prompt_tokens_details.unwrap_or_default();
    let of_completion = raw.completion_tokens_details.unwrap_or_default();
    Some(Usage {
        input,
        output,
        total,
        cached_input: of_prompt.cached_tokens.get(),
        cache_write: of_prompt.cache_write_tokens.get(),
        reasoning: of_completion.reasoning_tokens.get(),
    })
}

impl Count {
    fn get(self) -> i64 {
        self.0.unwrap_or(0)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Option::<serde_json::Number>::deserialize(deserializer)?;
        Ok(Self(number.map(|number| whole(&number))))
    }
}

/// Some servers count in floats. What no `i64` holds becomes its largest, which no call can cost.
fn whole(number: &serde_json::Number) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which is what is wanted"
    )]
    let rounded = |float: f64| float.ceil() as i64;
    number
        .as_i64()
        .or_else(|| number.as_f64().map(rounded))
        .unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(body: &str) -> Option<Usage> {
        of_document(body.as_bytes()).unwrap().usage
    }

    #[test]
    fn usage_is_read_with_its_details() {
        let body = r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
            "prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":3},"queue_time":0.1}}"#;
        let expected = Usage {
            input: 10,
            output: 5,
            total: 15,
            cached_input: 4,
            cache_write: 2,
            reasoning: 3,
        };
        assert_eq!(usage(body), Some(expected));
    }

    #[test]
    fn absent_null_empty_and_unreadable_usage_is_none() {
        for body in [
            "{}",
            r#"{"usage":null}"#,
            r#"{"usage":{}}"#,
            r#"{"usage":7}"#,
            r#"{"usage":{"prompt_tokens":"x"}}"#,
            r#"{"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#,
        ] {
            assert_eq!(usage(body), None, "{body}");
        }
    }

    #[test]
    fn another_name_is_known() {
        let body = r#"{"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}}"#;
        assert_eq!(usage(body).map(|usage| usage.total), Some(3));
    }

    #[test]
    fn huge_and_fractional_numbers_do_not_wrap() {
        let body = r#"{"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":1.5}}"#;
        let usage = usage(body).unwrap();
        assert_eq!((usage.input, usage.output), (i64::MAX, 2));
    }

    #[test]
    fn without_usage_the_text_is_measured() {
        let body = r#"{"choices":[{"message":{"content":"12345678"}},{"message":{"content":null}},{"text":"1"}]}"#;
        assert_eq!(of_document(body.as_bytes()).unwrap().delivered, 3);
        for message in [
            r#"{"content":null,"tool_calls":[{"function":{"arguments":"12345678"}}]}"#,
            r#"{"content":[{"type":"text","text":"12345678"}]}"#,
            r#"{"content":"1234","reasoning_content":"5678","reasoning":"5678"}"#,
            r#"{"content":"","refusal":"1234\u00e967"}"#,
        ] {
            let body = format!(r#"{{"choices":[{{"message":{message}}}]}}"#);
            let document = of_document(body.as_bytes()).unwrap();
            assert_eq!(document.delivered, 2, "{message}");
        }
        assert_eq!(of_document(b"<html>"), None);
        assert_eq!(of_document(b"[1]"), None);
    }

    #[test]
    fn an_event_of_usage_alone_is_told_apart() {
        let alone = br#"{"choices":[],"usage":{"total_tokens":3}}"#;
        let beside = br#"{"choices":[{"index":0}],"usage":{"total_tokens":3}}"#;
        assert!(of_event(alone).unwrap().1);
        assert!(!of_event(beside).unwrap().1);
        for other in [
            &br#"{"usage":{"total_tokens":3},"citations":[]}"#[..],
            br#"{"error":{"message":"m"},"usage":{"total_tokens":3}}"#,
            br#"{"error":{"message":"m"},"choices":[],"usage":{"total_tokens":3}}"#,
        ] {
            assert!(!of_event(other).unwrap().1);
        }
        assert!(of_event(br#"{"choices":[],"prompt_filter_results":[]}"#).is_none());
    }
}
