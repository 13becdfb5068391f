//! A call as two spans: the request that was answered, by the conventions for HTTP, and under it what
//! was asked of the provider, by those for generative AI. Names of ours begin with `tollgate.`, as in
//! the log. What is sent is listed here and nowhere else: ids, names and numbers.

use std::sync::Arc;
use std::time::Duration;

use super::otlp::{
    AnyValue, CLIENT, FAILED, KeyValue, REMOTE, SAMPLED, SERVER, Span, Status, Value,
};
use super::queue::Waiting;
use super::{Asked, Context};
use crate::cache::Caller;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Charge, Source};

/// What is known of a call when its answer has ended.
pub struct Ended {
    /// The route's template.
    pub route: &'static str,
    /// The status that was answered; `None` if the client left before.
    pub status: Option<u16>,
    /// The code of the refusal or failure.
    pub code: Option<&'static str>,
    /// Whose call it was.
    pub caller: Option<Arc<Caller>>,
    /// The provider that served it.
    pub provider: Option<Arc<str>>,
    /// What it was charged, if it reached the ledger.
    pub charge: Option<Charge>,
    /// From its start to the first byte of the provider's answer.
    pub first_byte: Option<Duration>,
    /// From its start to the end of its answer.
    pub duration: Duration,
    /// How its answer ended.
    pub outcome: &'static str,
}

/// The spans of `call`.
pub(super) fn spans(call: &Waiting) -> impl Iterator<Item = Span> {
    let asked = call.asked.as_ref().map(|asked| of_provider(call, asked));
    std::iter::once(of_call(call)).chain(asked)
}

fn of_call(call: &Waiting) -> Span {
    let (context, ended) = (&call.context, &call.ended);
    let caller = ended.caller.as_deref();
    let end = call.at.plus(ended.duration);
    let attributes = [
        text("http.request.method", "POST"),
        text("http.route", ended.route),
        text("url.path", ended.route),
        text("url.scheme", "http"),
        ended
            .status
            .and_then(|status| number("http.response.status_code", status)),
        text("tollgate.call.id", call.call.to_string()),
        caller.and_then(|caller| {
            text(
                "tollgate.organisation.id",
                caller.organisation_id.to_string(),
            )
        }),
        caller.and_then(|caller| text("tollgate.key.id", caller.key_id.to_string())),
        text("tollgate.outcome", ended.outcome),
        ended
            .code
            .and_then(|code| text("tollgate.error.code", code)),
        ended
            .failure()
            .and_then(|failure| text("error.type", failure)),
    ];
    Span {
        parent_span_id: context
            .parent
            .map(|parent| parent.to_be_bytes().to_vec())
            .unwrap_or_default(),
        kind: SERVER,
        flags: SAMPLED | context.parent.map_or(0, |_| REMOTE),
        ..span(
            *context,
            context.span,
            format!("POST {}", ended.route),
            (call.at, end),
            attributes,
        )
    }
}

fn of_provider(call: &Waiting, asked: &Asked) -> Span {
    let (context, ended) = (&call.context, &call.ended);
    let operation = operation(ended.route);
    let charge = ended.charge.as_ref();
    let reported = charge.filter(|charge| charge.source == Source::Reported);
    let usage = reported.map(|charge| charge.usage);
    let first_chunk = ended.first_byte.filter(|_| asked.is_stream);
    let first_chunk = first_chunk.map(|after| after.saturating_sub(asked.after));
    let some = |key, count: i64| (count > 0).then(|| number(key, count)).flatten();
    let attributes = [
        text("gen_ai.operation.name", operation),
        ended
            .provider
            .as_deref()
            .and_then(|name| text("gen_ai.provider.name", name)),
        text("gen_ai.request.model", &*asked.model),
        asked
            .is_stream
            .then(|| value("gen_ai.request.stream", Value::Flag(true))),
        first_chunk.map(|after| {
            value(
                "gen_ai.response.time_to_first_chunk",
                Value::Real(after.as_secs_f64()),
            )
        }),
        usage.and_then(|usage| number("gen_ai.usage.input_tokens", usage.input)),
        usage.and_then(|usage| number("gen_ai.usage.output_tokens", usage.output)),
        usage.and_then(|usage| some("gen_ai.usage.cache_read.input_tokens", usage.cached_input)),
        usage.and_then(|usage| {
            some(
                "gen_ai.usage.cache_creation.input_tokens",
                usage.cache_write,
            )
        }),
        usage.and_then(|usage| some("gen_ai.usage.reasoning.output_tokens", usage.reasoning)),
        charge.and_then(|charge| number("tollgate.tokens.charged", charge.tokens)),
        charge.and_then(|charge| text("tollgate.tokens.source", charge.source.name())),
        ended
            .refusal_of_provider()
            .and_then(|failure| text("error.type", failure)),
    ];
    let end = call.at.plus(ended.duration);
    let start = call.at.plus(asked.after).min(end);
    Span {
        parent_span_id: context.span.to_be_bytes().to_vec(),
        kind: CLIENT,
        flags: SAMPLED,
        ..span(
            *context,
            context.of_provider(),
            format!("{operation} {}", asked.model),
            (start, end),
            attributes,
        )
    }
}

impl Ended {
    /// Why the answer was none, if so. What a client did wrong is no failure of the server.
    fn failure(&self) -> Option<String> {
        let is_failed = self
            .status
            .is_some_and(|status| status >= 500 || (status < 400 && self.code.is_some()));
        is_failed.then(|| self.code.map_or_else(|| "500".to_owned(), str::to_owned))
    }

    /// Why the provider gave no answer, or that it refused.
    fn refusal_of_provider(&self) -> Option<String> {
        let refused = self.status.filter(|status| *status >= 400);
        self.code
            .map(str::to_owned)
            .or_else(|| refused.map(|status| status.to_string()))
    }
}

fn span(
    context: Context,
    id: u64,
    name: String,
    (start, end): (Timestamp, Timestamp),
    attributes: impl IntoIterator<Item = Option<KeyValue>>,
) -> Span {
    let attributes: Vec<KeyValue> = attributes.into_iter().flatten().collect();
    let is_failed = attributes
        .iter()
        .any(|attribute| attribute.key == "error.type");
    Span {
        trace_id: context.trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        name,
        start_time_unix_nano: nanos(start),
        end_time_unix_nano: nanos(end),
        attributes,
        status: is_failed.then_some(Status { code: FAILED }),
        ..Span::default()
    }
}

fn operation(route: &str) -> &'static str {
    match route {
        "/v1/embeddings" => "embeddings",
        "/v1/completions" => "text_completion",
        _ => "chat",
    }
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or_default().saturating_mul(1000)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "stands in lists beside those that may be none"
)]
fn text(key: &str, text: impl Into<String>) -> Option<KeyValue> {
    Some(value(key, Value::Text(text.into())))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "stands in lists beside those that may be none"
)]
fn number(key: &str, count: impl Into<i64>) -> Option<KeyValue> {
    Some(value(key, Value::Number(count.into())))
}

/// An attribute.
pub(super) fn value(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
    }
}
