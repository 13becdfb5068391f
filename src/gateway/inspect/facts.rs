//! What a call asks, as far as the gateway has to know: everything else passes unread.

use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::fields::{Fields, Name, has_lone_surrogate, span};
use super::parts;
use crate::domain::endpoint::Endpoint;
use crate::gateway::refusal::Refusal;

/// More than any model gives; keeps products far from overflow.
const LARGEST_CAP: i64 = i32::MAX as i64;
const MOST_CHOICES: i64 = 128;

/// The facts of one call. Spans are byte ranges of the body, for splicing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFacts {
    /// The model as the client names it.
    pub model: Arc<str>,
    /// Where its value stands.
    pub model_span: Range<usize>,
    /// Models to which the provider may turn instead, as the client asks; an empty name stands for
    /// what cannot be read.
    pub fallbacks: Vec<String>,
    /// Whether the answer is to be a stream.
    pub is_stream: bool,
    /// What the client says about the stream.
    pub stream_options: StreamOptions,
    /// Completions asked for: 0 for embeddings.
    pub choices: i64,
    /// The output cap that the client set.
    pub cap: Option<i64>,
    /// Where it set it.
    pub cap_field: Option<CapField>,
    /// Fields for a cap that stand there and set none, as `null` does: a cap of ours goes into them, not
    /// beside them.
    pub unset_caps: Vec<(&'static str, Range<usize>)>,
    /// Bytes of the body that are text.
    pub text_bytes: i64,
    /// Images, sounds and files.
    pub parts: i64,
    /// Whether the provider adds to the prompt by itself: search, hosted tools, predictions.
    pub is_open_ended: bool,
}

/// The client's `stream_options`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// Whether it asked for usage.
    pub include_usage: bool,
    /// Where the whole value stands, if it does.
    pub span: Option<Range<usize>>,
    /// Where the value of `include_usage` stands inside it, if it does.
    pub include_usage_span: Option<Range<usize>>,
    /// Whether the value is an object with at least one field.
    pub has_fields: bool,
}

/// A field that caps the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapField {
    /// Where its value stands.
    pub span: Range<usize>,
}

impl CallFacts {
    /// Reads a body.
    pub fn read(body: &[u8], endpoint: Endpoint) -> Result<Self, Refusal> {
        let fields = Fields::read(body, "")?;
        if has_lone_surrogate(body) {
            return Err(Refusal::InvalidJson);
        }
        let (model, model_span) = model(&fields, body)?;
        let not_text = parts::of(&fields);
        let facts = Self {
            model,
            model_span,
            fallbacks: fallbacks(&fields),
            is_stream: false,
            stream_options: StreamOptions::default(),
            choices: 0,
            cap: None,
            cap_field: None,
            unset_caps: Vec::new(),
            text_bytes: count(body.len() - not_text.bytes()),
            parts: not_text.parts,
            is_open_ended: parts::is_open_ended(&fields),
        };
        match endpoint {
            Endpoint::Embeddings => Ok(facts),
            Endpoint::ChatCompletions | Endpoint::Completions => {
                facts.with_output(&fields, body, endpoint)
            }
        }
    }

    fn with_output(
        self,
        fields: &Fields,
        body: &[u8],
        endpoint: Endpoint,
    ) -> Result<Self, Refusal> {
        let (cap, cap_field) = cap(fields, body, endpoint)?.unzip();
        Ok(Self {
            is_stream: boolean(fields, "stream")?,
            stream_options: stream_options(fields, body)?,
            choices: choices(fields)?,
            cap,
            cap_field,
            unset_caps: unset_caps(fields, body),
            ..self
        })
    }
}

fn model(fields: &Fields, body: &[u8]) -> Result<(Arc<str>, Range<usize>), Refusal> {
    let raw = fields.get("model");
    let name = raw.and_then(|raw| serde_json::from_str::<Name>(raw).ok());
    let name = name.map(|Name(name)| name);
    match (raw, name) {
        (Some(raw), Some(name)) if !name.is_empty() && name.len() <= 256 => {
            Ok((name.into(), span(body, raw)))
        }
        _ => Err(Refusal::InvalidValue {
            param: "model",
            expected: "the name of a model, a string of 1 to 256 bytes",
        }),
    }
}

/// Routers that take these fields answer with another model than the one named by `model`.
fn fallbacks(fields: &Fields) -> Vec<String> {
    let asked = ["models", "fallbacks"].into_iter();
    let lists = asked.filter_map(|field| fields.get(field)).map(|raw| {
        let list = serde_json::from_str::<Vec<&RawValue>>(raw);
        list.map_or_else(
            |_| vec![raw],
            |list| list.into_iter().map(RawValue::get).collect(),
        )
    });
    let names = lists.flatten();
    names
        .map(|raw| serde_json::from_str(raw).unwrap_or_default())
        .collect()
}

fn boolean(fields: &Fields, param: &'static str) -> Result<bool, Refusal> {
    match fields.get(param) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refusal::InvalidValue {
            param,
            expected: "true or false",
        }),
    }
}

/// A text may be completed by nothing, for its `echo` with log probabilities. Some servers take that for
/// no cap, so it sets none here either.
fn cap(
    fields: &Fields,
    body: &[u8],
    endpoint: Endpoint,
) -> Result<Option<(i64, CapField)>, Refusal> {
    let expected = "a whole number from 1 to 2147483647";
    let new = whole(fields, "max_completion_tokens", LARGEST_CAP, expected)?;
    let old = match (endpoint, fields.get("max_tokens")) {
        (Endpoint::Completions, Some("0")) => None,
        _ => whole(fields, "max_tokens", LARGEST_CAP, expected)?,
    };
    let (raw, cap) = match (new, old) {
        (Some(_), Some(_)) => {
            return Err(Refusal::InvalidValue {
                param: "max_tokens",
                expected: "absent when `max_completion_tokens` is set",
            });
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Ok(None),
    };
    let field = CapField {
        span: span(body, raw),
    };
    Ok(Some((cap, field)))
}

fn unset_caps(fields: &Fields, body: &[u8]) -> Vec<(&'static str, Range<usize>)> {
    let names = ["max_completion_tokens", "max_tokens"].into_iter();
    let values = names.filter_map(|name| Some((name, fields.get_or_null(name)?)));
    values
        .filter(|(_, value)| matches!(*value, "null" | "0"))
        .map(|(name, value)| (name, span(body, value)))
        .collect()
}

/// `best_of` completions are generated even if only `n` are shown, and each of several prompts
/// gets its own.
fn choices(fields: &Fields) -> Result<i64, Refusal> {
    let expected = "a whole number from 1 to 128";
    let one = |param| {
        let found = whole(fields, param, MOST_CHOICES, expected);
        found.map(|found| found.map_or(1, |(_, number)| number))
    };
    let each = one("n")?.max(one("best_of")?);
    Ok(each.saturating_mul(parts::prompts(fields)))
}

/// A field that holds a whole number from 1 to `most`, with its text. Fractions, exponents and
/// strings are refused even where they mean a whole number: providers read them differently.
fn whole<'a>(
    fields: &Fields<'a>,
    param: &'static str,
    most: i64,
    expected: &'static str,
) -> Result<Option<(&'a str, i64)>, Refusal> {
    let Some(raw) = fields.get(param) else {
        return Ok(None);
    };
    match raw.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(Some((raw, number))),
        _ => Err(Refusal::InvalidValue { param, expected }),
    }
}

fn stream_options(fields: &Fields, body: &[u8]) -> Result<StreamOptions, Refusal> {
    let Some(raw) = fields.get_or_null("stream_options") else {
        return Ok(StreamOptions::default());
    };
    let whole = Some(span(body, raw));
    if raw == "null" {
        return Ok(StreamOptions {
            span: whole,
            ..StreamOptions::default()
        });
    }
    let wrong = || Refusal::InvalidValue {
        param: "stream_options",
        expected: "an object such as {\"include_usage\": true}",
    };
    if !raw.starts_with('{') {
        return Err(wrong());
    }
    let options = Fields::read(raw.as_bytes(), "stream_options.")?;
    let include_usage = boolean(&options, "include_usage").map_err(|_| wrong())?;
    let value = options.get_or_null("include_usage");
    Ok(StreamOptions {
        include_usage,
        span: whole,
        include_usage_span: value.map(|value| span(body, value)),
        has_fields: raw.trim_start_matches('{').trim_start() != "}",
    })
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
