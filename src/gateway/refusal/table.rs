//! The error table: what each refusal is called and what it tells the caller to do.

use std::time::Duration;

use super::Refusal;
use super::row::{Retry, Row};
use crate::limiters::{RateLimited, RateUnit};

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";
const BUSY: &str = "service_unavailable_error";
const SOON: Retry = Retry::After(Duration::from_secs(1));
const LATER: Retry = Retry::After(Duration::from_secs(30));

impl Refusal {
    /// This refusal's row: keys first, then what the request got wrong, limits, the provider, us.
    pub(super) fn row(&self) -> Row {
        self.key_row()
            .or_else(|| self.request_row())
            .or_else(|| self.limit_row())
            .or_else(|| self.upstream_row())
            .unwrap_or_else(|| self.own_row())
    }

    fn key_row(&self) -> Option<Row> {
        let row = match self {
            Self::InvalidKey => Row::new(401, INVALID, "invalid_api_key").says(
                "No valid API key was given. Send one as `Authorization: Bearer sk-…`; \
                 it may be mistyped, deleted or belong to another installation.",
            ),
            Self::KeyDisabled => Row::new(401, INVALID, "key_disabled").says(
                "This API key is disabled. Ask whoever manages it to enable it, or use another.",
            ),
            Self::KeyExpired => Row::new(401, INVALID, "key_expired")
                .says("This API key has expired. Create a new one or extend it."),
            Self::ConflictingCredentials => Row::new(400, INVALID, "conflicting_credentials")
                .says("The request carries more than one credential. Send the API key once."),
            Self::OrganisationSuspended => {
                Row::new(403, "permission_error", "organization_suspended").says(
                    "The organization of this API key is suspended. \
                     Contact the operator of this gateway.",
                )
            }
            _ => return None,
        };
        Some(row)
    }

    fn request_row(&self) -> Option<Row> {
        let row = match self {
            Self::ModelNotFound(model) => Row::new(404, INVALID, "model_not_found")
                .about("model")
                .says(format!(
                    "The model `{model}` does not exist or you do not have access to it. \
                     `GET /v1/models` lists what this key may call."
                )),
            Self::ModelUnpriced { model, scope } => {
                Row::new(403, "permission_error", "model_unpriced")
                    .about("model")
                    .says(format!(
                        "This {scope} has a budget in USD, and the model `{model}` has no price. \
                         Ask the operator of this gateway to declare one, or use another model."
                    ))
            }
            Self::NotFound => Row::new(404, INVALID, "not_found").says(
                "There is nothing here. Served are POST /v1/chat/completions, \
                 POST /v1/completions, POST /v1/embeddings, GET /v1/models and \
                 GET /v1/models/{id}.",
            ),
            Self::MethodNotAllowed(methods) => Row::new(405, INVALID, "method_not_allowed")
                .says(format!("This route takes {methods} only.")),
            Self::UpgradeRequired => Row::new(426, INVALID, "not_found")
                .says("WebSocket connections are not served. Use POST /v1/chat/completions."),
            Self::InvalidJson => Row::new(400, INVALID, "invalid_json").says(
                "The body is not a valid JSON object in UTF-8. \
                 Check it for cut-off text, trailing characters and stray bytes.",
            ),
            Self::DuplicateField(field) => Row::new(400, INVALID, "duplicate_field")
                .says(format!(
                    "The field `{field}` stands more than once in the body. Send it once."
                ))
                .about(field.clone()),
            Self::InvalidValue { param, expected } => Row::new(400, INVALID, "invalid_value")
                .about(*param)
                .says(format!("`{param}` must be {expected}.")),
            Self::RequestTimeout => Row::new(408, INVALID, "request_timeout")
                .says("The body did not arrive in time. Send the request again.")
                .retry(Retry::Unspecified),
            Self::RequestTooLarge(limit) => Row::new(413, INVALID, "request_too_large").says(
                format!("The body is larger than the {limit} bytes that this gateway takes."),
            ),
            Self::UnsupportedMediaType => Row::new(415, INVALID, "unsupported_media_type")
                .says("Send the body as uncompressed JSON with `Content-Type: application/json`."),
            Self::HeadersTooLarge => Row::new(431, INVALID, "headers_too_large")
                .says("The request has too many or too large headers. Send fewer."),
            _ => return None,
        };
        Some(row)
    }

    fn limit_row(&self) -> Option<Row> {
        let row = match self {
            Self::RateLimited(limited) => limited.row(),
            Self::TooManyInFlight { scope, limit } => {
                Row::new(429, "requests", "concurrency_limit_exceeded")
                    .says(format!(
                        "This {scope} allows {limit} calls at once. Wait for one to end."
                    ))
                    .retry(if *limit == 0 { Retry::Never } else { SOON })
            }
            Self::QuotaHeld { budget, is_lost } => Row::new(429, "requests", "quota_held")
                .says(format!(
                    "The rest of this {}'s quota of {} is held by calls that are still running. \
                     Try again shortly.",
                    budget.scope, budget.limit,
                ))
                .retry(if *is_lost { LATER } else { SOON }),
            Self::QuotaExhausted { budget } => {
                let until = budget.resets_at;
                let until = until.map(|at| format!(" It starts anew at {at}."));
                Row::new(429, "insufficient_quota", "insufficient_quota").says(format!(
                    "This {} has used up its quota of {}, or this call needs more \
                     than is left.{} Ask whoever manages it to raise the quota.",
                    budget.scope,
                    budget.limit,
                    until.unwrap_or_default(),
                ))
            }
            _ => return None,
        };
        Some(row)
    }

    fn upstream_row(&self) -> Option<Row> {
        let row = match self {
            Self::UpstreamRateLimited { retry_after } => {
                Row::new(429, "requests", "upstream_rate_limited")
                    .says(
                        "The provider is throttling the account that this gateway shares, \
                         not this key. Try again later.",
                    )
                    .retry(Retry::Upstream(retry_after.clone()))
            }
            Self::UpstreamError => Row::new(502, SERVER, "upstream_error")
                .says("The provider failed to answer this call. Try again.")
                .retry(Retry::Unspecified),
            Self::UpstreamUnreachable => Row::new(502, SERVER, "upstream_unreachable")
                .says("The provider could not be reached. Try again.")
                .retry(Retry::Unspecified),
            Self::UpstreamInvalidResponse => Row::new(502, SERVER, "upstream_invalid_response")
                .says("The provider's answer was cut off or makes no sense. Try again.")
                .retry(Retry::Unspecified),
            Self::UpstreamUnavailable => Row::new(503, SERVER, "upstream_unavailable").says(
                "The provider does not accept this gateway's account at the moment. \
                 The operator has to mend it.",
            ),
            Self::UpstreamTimeout => Row::new(504, SERVER, "upstream_timeout").says(
                "The provider did not answer in time; \
                 it may have worked on the call all the same.",
            ),
            _ => return None,
        };
        Some(row)
    }

    fn own_row(&self) -> Row {
        match self {
            Self::Overloaded => Row::new(503, BUSY, "overloaded")
                .says("This gateway is at its limit. Try again shortly.")
                .retry(SOON),
            Self::AuthUnavailable => Row::new(503, BUSY, "auth_unavailable")
                .says("API keys cannot be checked at the moment. Try again shortly.")
                .retry(SOON),
            Self::LedgerUnavailable => Row::new(503, BUSY, "ledger_unavailable")
                .says(
                    "Usage cannot be recorded at the moment, so no call is admitted. \
                     Try again shortly.",
                )
                .retry(SOON),
            Self::Unrecorded => Row::new(502, SERVER, "ledger_unavailable").says(
                "The call ran, but what it used cannot be recorded at the moment, \
                 so its answer is not given out.",
            ),
            Self::ShuttingDown => Row::new(503, BUSY, "shutting_down")
                .says("This gateway is stopping. Try again; another one will answer.")
                .retry(SOON),
            _ => Row::new(500, SERVER, "internal_error").says(
                "Something went wrong inside the gateway. \
                 Give the x-request-id to its operator.",
            ),
        }
    }
}

impl RateLimited {
    fn row(&self) -> Row {
        let (kind, unit) = match self.unit {
            RateUnit::Requests => ("requests", "requests per minute (RPM)"),
            RateUnit::Tokens => ("tokens", "tokens per minute (TPM)"),
        };
        let row = Row::new(429, kind, "rate_limit_exceeded");
        let (scope, limit) = (self.scope, self.limit);
        match self.retry_after {
            Some(wait) => row
                .says(format!(
                    "Rate limit reached for this {scope} on {unit}: Limit {limit}. \
                     Please try again in {}ms.",
                    wait.as_micros().div_ceil(1000),
                ))
                .retry(Retry::After(wait)),
            None => row.says(format!("This {scope} allows no {unit}.")),
        }
    }
}

#[cfg(test)]
mod tests;
