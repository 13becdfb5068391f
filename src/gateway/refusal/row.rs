//! How a refusal looks on the wire.

use std::borrow::Cow;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// What a client should do about a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Nothing mends it: `x-should-retry: false`.
    Never,
    /// It mends itself after this time.
    After(Duration),
    /// As the provider says.
    Upstream(Option<HeaderValue>),
    /// The client's own judgement.
    Unspecified,
}

/// One row of the table: how a refusal looks on the wire.
pub(super) struct Row {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) code: &'static str,
    pub(super) param: Option<Cow<'static, str>>,
    pub(super) message: Cow<'static, str>,
    pub(super) retry: Retry,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

impl Row {
    /// A row that no retry mends, until told otherwise.
    pub(super) fn new(status: u16, kind: &'static str, code: &'static str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            kind,
            code,
            param: None,
            message: "".into(),
            retry: Retry::Never,
        }
    }

    pub(super) fn says(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            ..self
        }
    }

    pub(super) fn about(self, param: impl Into<Cow<'static, str>>) -> Self {
        Self {
            param: Some(param.into()),
            ..self
        }
    }

    pub(super) fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    pub(super) fn json(&self) -> String {
        let error = Body {
            message: &self.message,
            r#type: self.kind,
            param: self.param.as_deref(),
            code: self.code,
        };
        serde_json::to_string(&Envelope { error }).unwrap_or_default()
    }
}

impl Retry {
    /// SDKs read `retry-after-ms` first, then `Retry-After`; over a minute most would rather fail
    /// than sleep, so they are told to (contract.md 2.3).
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        match self {
            Self::Never => forbid_retry(headers),
            Self::After(wait) => {
                let millis = wait.as_micros().div_ceil(1000).max(1);
                headers.insert(RETRY_AFTER, decimal(millis.div_ceil(1000)));
                headers.insert("retry-after-ms", decimal(millis));
                if *wait > Duration::from_mins(1) {
                    forbid_retry(headers);
                }
            }
            Self::Upstream(Some(value)) => {
                headers.insert(RETRY_AFTER, value.clone());
                let seconds = value
                    .to_str()
                    .ok()
                    .and_then(|text| text.trim().parse().ok());
                if seconds.is_some_and(|seconds: f64| seconds > 60.0) {
                    forbid_retry(headers);
                }
            }
            Self::Upstream(None) | Self::Unspecified => {}
        }
    }
}

fn forbid_retry(headers: &mut HeaderMap) {
    headers.insert("x-should-retry", HeaderValue::from_static("false"));
}

fn decimal(number: u128) -> HeaderValue {
    HeaderValue::from(u64::try_from(number).unwrap_or(u64::MAX))
}
