//! A provider's answer that is no success. What it says about the client's own request is the
//! client's to read; the rest is between the provider and us.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, RETRY_AFTER};
use http::{Response, StatusCode, response};
use http_body_util::{BodyExt, Limited};
use memchr::memmem;

use crate::gateway::refusal::Refusal;
use crate::providers::Provider;
use crate::upstream::UpstreamBody;

/// The largest error that is read.
const LARGEST: usize = 1024 * 1024;
/// How long an error may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Refused {
    head: response::Parts,
    /// `None` if it was too large or too slow, broke, or came in a coding we cannot read.
    body: Option<Bytes>,
}

impl Refused {
    /// Reads what there is to it.
    pub(super) async fn read(response: Response<UpstreamBody>) -> Self {
        let (head, body) = response.into_parts();
        if super::is_encoded(&head.headers) {
            return Self { head, body: None };
        }
        let reading = Limited::new(body, LARGEST).collect();
        let read = tokio::time::timeout(PATIENCE, reading).await;
        let body = read.ok().and_then(Result::ok);
        Self {
            head,
            body: body.map(http_body_util::Collected::to_bytes),
        }
    }

    /// Whether it is the option that we added which the provider does not take.
    pub(super) fn names_stream_options(&self) -> bool {
        matches!(self.head.status.as_u16(), 400 | 422) && self.says(b"stream_options")
    }

    /// The provider's own words, as far as they were read.
    pub(super) fn said(&self) -> Bytes {
        self.body.clone().unwrap_or_default()
    }

    /// The provider's own words for the client, or ours.
    pub(super) fn meaning(self, provider: &Provider) -> Result<Response<Bytes>, Refusal> {
        Err(match self.head.status.as_u16() {
            400 | 404 | 413 | 422 => {
                let body = self.body.ok_or(Refusal::UpstreamInvalidResponse)?;
                return Ok(Response::from_parts(self.head, provider.scrub(body)));
            }
            401..=403 => unavailable(provider, self.head.status),
            429 if self.is_about_credit() => unavailable(provider, self.head.status),
            429 => throttled(&self.head.headers),
            300..=399 => Refusal::UpstreamInvalidResponse,
            _ => Refusal::UpstreamError,
        })
    }

    /// Codes only: a mere rate limit may also speak of billing, as the place to buy a higher one.
    fn is_about_credit(&self) -> bool {
        const CODES: [&[u8]; 4] = [
            b"insufficient_quota",
            b"billing_error",
            b"billing_hard_limit_reached",
            b"billing_not_active",
        ];
        CODES.iter().any(|code| self.says(code))
    }

    fn says(&self, text: &[u8]) -> bool {
        let body = self.body.as_ref();
        body.is_some_and(|body| memmem::find(body, text).is_some())
    }
}

fn throttled(headers: &HeaderMap) -> Refusal {
    Refusal::UpstreamRateLimited {
        retry_after: headers.get(RETRY_AFTER).cloned(),
    }
}

/// The operator's problem, and nobody else will notice it.
fn unavailable(provider: &Provider, status: StatusCode) -> Refusal {
    tracing::error!(
        provider = &*provider.name,
        status = status.as_u16(),
        "the provider refuses this gateway's credential or credit"
    );
    Refusal::UpstreamUnavailable
}
