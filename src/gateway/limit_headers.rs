//! Tells every caller that proved its key where its limits stand, refusals and streams included: the
//! tightest of organisation, project and key, in OpenAI's headers.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tower::{Layer, Service};

use super::access_log::Answering;
use super::answer::Answer;
use super::authenticate::Known;
use super::refusal::Refusal;
use crate::cache::Caller;
use crate::ledger::Ledger;
use crate::limiters::RateStanding;

/// See the module.
#[derive(Clone, Copy)]
pub struct LimitHeadersLayer;

/// See the module.
#[derive(Clone)]
pub struct LimitHeaders<S>(S);

impl<S> Layer<S> for LimitHeadersLayer {
    type Service = LimitHeaders<S>;

    fn layer(&self, inner: S) -> LimitHeaders<S> {
        LimitHeaders(inner)
    }
}

impl<S> Service<Known> for LimitHeaders<S>
where
    S: Service<Known, Response = Response<Answer>, Error = Refusal, Future: Send + 'static>,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, known: Known) -> Answering {
        let (caller, record) = (Arc::clone(&known.caller), Arc::clone(&known.call.record));
        let (id, at, started) = (known.call.id, known.call.at, known.call.started);
        let answering = self.0.call(known);
        Box::pin(async move {
            let mut response = answering.await.unwrap_or_else(|refusal| {
                record.refused(refusal.code());
                if !record.is_settled() {
                    let at = at.plus(started.elapsed());
                    caller.refused(id, at, refusal.code(), refusal.tripped(at));
                }
                refusal.respond()
            });
            write(response.headers_mut(), &caller);
            Ok(response)
        })
    }
}

fn write(headers: &mut HeaderMap, caller: &Caller) {
    // These, and what the outermost stage adds, without growing twice.
    headers.reserve(REQUESTS.len() + TOKENS.len() + 3);
    let now = Instant::now();
    let requests = caller
        .scopes()
        .iter()
        .filter_map(|scope| scope.gates.requests());
    if let Some(tightest) = requests.min_by_key(|standing| standing.remaining) {
        write_rate(headers, &REQUESTS, tightest);
    }
    let tokens = caller
        .scopes()
        .iter()
        .filter_map(|scope| scope.gates.tokens(now));
    if let Some(tightest) = tokens.min_by_key(|standing| standing.remaining) {
        write_rate(headers, &TOKENS, tightest);
    }
    if let Some(left) = Ledger::least_left(caller.covers()) {
        headers.insert(QUOTA_REMAINING, HeaderValue::from(left));
    }
}

const QUOTA_REMAINING: HeaderName = HeaderName::from_static("x-tollgate-quota-remaining");

/// Limit, remaining, reset.
const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

fn write_rate(
    headers: &mut HeaderMap,
    [limit, remaining, reset]: &[HeaderName; 3],
    at: RateStanding,
) {
    headers.insert(limit, HeaderValue::from(at.limit));
    headers.insert(remaining, HeaderValue::from(at.remaining));
    if let Ok(value) = HeaderValue::try_from(duration(at.reset)) {
        headers.insert(reset, value);
    }
}

/// OpenAI's format, which is Go's: `6m0s`, `1s`, `20ms`.
fn duration(span: Duration) -> String {
    let millis = span.as_micros().div_ceil(1000);
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = match (rest / 1000, rest % 1000) {
        (whole, 0) => format!("{whole}s"),
        (whole, part) => format!("{}s", format!("{whole}.{part:03}").trim_end_matches('0')),
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) if millis > 0 && millis < 1000 => format!("{millis}ms"),
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        let cases = [
            (0, "0s"),
            (20, "20ms"),
            (1000, "1s"),
            (8640, "8.64s"),
            (360_000, "6m0s"),
            (61_500, "1m1.5s"),
            (3_600_000, "1h0m0s"),
        ];
        for (millis, expected) in cases {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        assert_eq!(duration(Duration::from_micros(1)), "1ms");
    }
}
