//! Every answer of ours that is not the provider's: one enum, one table, OpenAI's error shape
//! `{"error":{"message","type","param","code"}}`. The message says what happened and what to do and
//! never holds a secret, a prompt or a provider's address.

use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::answer::Answer;
use crate::limiters::capacity::Overloaded;
use crate::limiters::{RateLimited, TooManyInFlight};

mod row;
mod table;
mod tripped;

pub use tripped::TrippedBudget;

/// Why a call is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No, malformed, unknown or deleted key.
    InvalidKey,
    /// The key is right, but switched off.
    KeyDisabled,
    /// The key is right, but past its end.
    KeyExpired,
    /// Credentials that contradict each other.
    ConflictingCredentials,
    /// The key's organisation is suspended.
    OrganisationSuspended,
    /// No provider serves the model, or this key may not call it.
    ModelNotFound(String),
    /// A budget of money covers the call, and the model has no price.
    ModelUnpriced {
        /// The model as the client names it.
        model: String,
        /// The scope's kind.
        scope: &'static str,
    },
    /// No such route, or one of a later release.
    NotFound,
    /// A route that takes other methods, listed for `Allow`.
    MethodNotAllowed(&'static str),
    /// A WebSocket upgrade where only `POST` is spoken.
    UpgradeRequired,
    /// The body is not the JSON that it should be.
    InvalidJson,
    /// A field stands twice, so that gateway and provider might read different ones.
    DuplicateField(String),
    /// A field holds what it must not.
    InvalidValue {
        /// The field.
        param: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// The body did not arrive in time.
    RequestTimeout,
    /// The body is larger than this many bytes.
    RequestTooLarge(usize),
    /// The body is not plain JSON.
    UnsupportedMediaType,
    /// The head is larger than we take.
    HeadersTooLarge,
    /// A rate limit tripped.
    RateLimited(RateLimited),
    /// Too many calls in flight for a scope.
    TooManyInFlight {
        /// The scope's kind.
        scope: &'static str,
        /// Its limit.
        limit: u32,
    },
    /// Room in a quota is held by calls that are still running.
    QuotaHeld {
        /// Which.
        budget: TrippedBudget,
        /// Whether only processes that are gone hold it, which takes longer to end.
        is_lost: bool,
    },
    /// A quota has no room for this call.
    QuotaExhausted {
        /// Which.
        budget: TrippedBudget,
    },
    /// The provider throttles the shared account.
    UpstreamRateLimited {
        /// The provider's own `Retry-After`.
        retry_after: Option<HeaderValue>,
    },
    /// The provider failed.
    UpstreamError,
    /// The provider could not be reached.
    UpstreamUnreachable,
    /// The provider's answer makes no sense.
    UpstreamInvalidResponse,
    /// The provider refused our credential or credit.
    UpstreamUnavailable,
    /// The provider did not answer in time.
    UpstreamTimeout,
    /// More calls than this process takes.
    Overloaded,
    /// Keys cannot be checked because the store is away.
    AuthUnavailable,
    /// Usage cannot be recorded.
    LedgerUnavailable,
    /// The call ran, but what it used could not be recorded.
    Unrecorded,
    /// The process is stopping.
    ShuttingDown,
    /// A bug of ours.
    Internal,
}

impl Refusal {
    /// The status that the client sees.
    pub fn status(&self) -> StatusCode {
        self.row().status
    }

    /// The stable code that the client, the log and the statistics share.
    pub fn code(&self) -> &'static str {
        self.row().code
    }

    /// The whole answer.
    pub fn respond(&self) -> Response<Answer> {
        let row = self.row();
        let mut response = Response::new(Answer::full(row.json()));
        *response.status_mut() = row.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        row.retry.write(headers);
        self.write_details(headers);
        response
    }

    /// The same as an event of a stream that has begun; nothing may follow it.
    pub fn event(&self) -> String {
        format!("data: {}\n\n", self.row().json())
    }

    fn write_details(&self, headers: &mut HeaderMap) {
        match self {
            Self::InvalidKey | Self::KeyDisabled | Self::KeyExpired => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::MethodNotAllowed(methods) => {
                headers.insert(ALLOW, HeaderValue::from_static(methods));
            }
            Self::UnsupportedMediaType => {
                headers.insert("accept", HeaderValue::from_static("application/json"));
                headers.insert("accept-encoding", HeaderValue::from_static("identity"));
            }
            // The rest of the body is not wanted any more.
            Self::RequestTimeout | Self::RequestTooLarge(_) | Self::HeadersTooLarge => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
    }
}

impl From<RateLimited> for Refusal {
    fn from(limited: RateLimited) -> Self {
        Self::RateLimited(limited)
    }
}

impl From<TooManyInFlight> for Refusal {
    fn from(TooManyInFlight { scope, limit }: TooManyInFlight) -> Self {
        Self::TooManyInFlight { scope, limit }
    }
}

impl From<Overloaded> for Refusal {
    fn from(_: Overloaded) -> Self {
        Self::Overloaded
    }
}

#[cfg(test)]
mod tests;
