//! The body as the provider gets it: the client's own bytes, or those bytes with single values
//! replaced. Never a re-serialised copy, so what was checked is what is sent.

use std::ops::Range;

use bytes::Bytes;

use crate::domain::endpoint::Endpoint;
use crate::gateway::inspect::CallFacts;
use crate::gateway::model_access::Routed;

/// One replacement; an empty range inserts.
struct Edit {
    at: Range<usize>,
    text: String,
}

/// The body for the provider: its name for the model, usage asked for on streams if it takes that,
/// and a cap that had to shrink.
pub(super) fn outgoing(routed: &Routed, asks_usage: bool, cap: Option<i64>) -> Bytes {
    let (body, facts) = (&routed.inspected.body, &routed.inspected.facts);
    let mut edits = Vec::new();
    if let Some(upstream) = &routed.route.upstream {
        let text = serde_json::to_string(&**upstream).unwrap_or_default();
        edits.push(Edit {
            at: facts.model_span.clone(),
            text,
        });
    }
    if asks_usage {
        edits.push(ask_for_usage(body, facts));
    }
    if let Some(cap) = cap {
        // The older endpoint knows only the older field.
        let field = match routed.inspected.endpoint {
            Endpoint::Completions => "max_tokens",
            _ => routed.route.provider.output_cap_field.as_str(),
        };
        edits.push(limit_output(body, facts, field, cap));
    }
    splice(body, edits)
}

/// Whether the usage on this call's stream is our doing.
pub(super) fn adds_usage(facts: &CallFacts) -> bool {
    facts.is_stream && !facts.stream_options.include_usage
}

fn ask_for_usage(body: &[u8], facts: &CallFacts) -> Edit {
    const FIELD: &str = "\"include_usage\":true";
    let options = &facts.stream_options;
    match (&options.include_usage_span, &options.span) {
        (Some(value), _) => Edit {
            at: value.clone(),
            text: "true".to_owned(),
        },
        (None, Some(object)) if options.has_fields => {
            let inside = object.start + 1;
            Edit {
                at: inside..inside,
                text: format!("{FIELD},"),
            }
        }
        (None, Some(value)) => Edit {
            at: value.clone(),
            text: format!("{{{FIELD}}}"),
        },
        (None, None) => first_field(body, &format!("\"stream_options\":{{{FIELD}}}")),
    }
}

fn limit_output(body: &[u8], facts: &CallFacts, field: &str, cap: i64) -> Edit {
    let unset = facts.unset_caps.iter().find(|(name, _)| *name == field);
    let set = facts.cap_field.as_ref().map(|set| &set.span);
    match set.or(unset.map(|(_, span)| span)) {
        Some(value) => Edit {
            at: value.clone(),
            text: cap.to_string(),
        },
        None => first_field(body, &format!("\"{field}\":{cap}")),
    }
}

/// `field` before the object's other fields; it has some, because every call names a model.
fn first_field(body: &[u8], field: &str) -> Edit {
    let inside = memchr::memchr(b'{', body).map_or(0, |at| at + 1);
    Edit {
        at: inside..inside,
        text: format!("{field},"),
    }
}

fn splice(body: &Bytes, mut edits: Vec<Edit>) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|edit| edit.at.start);
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut spliced = Vec::with_capacity(body.len() + added);
    let mut copied = 0;
    for edit in edits {
        spliced.extend_from_slice(body.get(copied..edit.at.start).unwrap_or_default());
        spliced.extend_from_slice(edit.text.as_bytes());
        copied = edit.at.end;
    }
    spliced.extend_from_slice(body.get(copied..).unwrap_or_default());
    spliced.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spliced(body: &str, edit: impl Fn(&[u8], &CallFacts) -> Edit) -> String {
        let facts = CallFacts::read(body.as_bytes(), Endpoint::ChatCompletions).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let edit = edit(&body, &facts);
        String::from_utf8(splice(&body, vec![edit]).to_vec()).unwrap()
    }

    #[test]
    fn usage_is_asked_for_wherever_the_client_left_off() {
        let cases = [
            (
                r#"{"model":"m","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#,
            ),
            (
                r#"{"model":"m","stream_options":null}"#,
                r#"{"model":"m","stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream_options":{ }}"#,
                r#"{"model":"m","stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream_options":{"x":1}}"#,
                r#"{"model":"m","stream_options":{"include_usage":true,"x":1}}"#,
            ),
            (
                r#"{"model":"m","stream_options":{"include_usage":false}}"#,
                r#"{"model":"m","stream_options":{"include_usage":true}}"#,
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(spliced(body, ask_for_usage), expected);
        }
    }

    #[test]
    fn a_cap_goes_into_the_field_that_the_client_used() {
        let limit =
            |body: &[u8], facts: &CallFacts| limit_output(body, facts, "max_completion_tokens", 7);
        assert_eq!(
            spliced(r#"{"model":"m","max_tokens": 900 }"#, limit),
            r#"{"model":"m","max_tokens": 7 }"#
        );
        assert_eq!(
            spliced(r#" {"model":"m"}"#, limit),
            r#" {"max_completion_tokens":7,"model":"m"}"#
        );
    }

    #[test]
    fn a_cap_replaces_a_null_of_its_own_field_and_no_other() {
        let limit =
            |body: &[u8], facts: &CallFacts| limit_output(body, facts, "max_completion_tokens", 7);
        assert_eq!(
            spliced(r#"{"model":"m","max_completion_tokens":null}"#, limit),
            r#"{"model":"m","max_completion_tokens":7}"#
        );
        assert_eq!(
            spliced(r#"{"model":"m","max_tokens":null}"#, limit),
            r#"{"max_completion_tokens":7,"model":"m","max_tokens":null}"#
        );
    }

    #[test]
    fn everything_else_stays_as_it_came() {
        let body = Bytes::from_static(br#"{"model":"m","seed":12345678901234567890,"a":1.0}"#);
        let edits = vec![Edit {
            at: 9..12,
            text: "\"other\"".to_owned(),
        }];
        assert_eq!(
            &splice(&body, edits)[..],
            br#"{"model":"other","seed":12345678901234567890,"a":1.0}"#
        );
    }
}
