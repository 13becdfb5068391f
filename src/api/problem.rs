//! Problems as answers: RFC 9457, with a stable `code`.

use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::management::{Fault, Problem};

/// What is said of a problem.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(super) struct Details {
    /// Always `about:blank`: the code tells them apart.
    r#type: &'static str,
    /// What the status says.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// Stable, for programs.
    code: &'static str,
    /// What happened and what to do, for people.
    detail: String,
    /// Every faulty field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

/// What an answer says went wrong, beside its JSON: pages say it in their own way.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) faults: Vec<Fault>,
}

/// A request that HTTP already tells is wrong, or a [`Problem`].
pub(super) enum Refused {
    UnsupportedMediaType,
    TooLarge,
    Timeout,
    MethodNotAllowed,
    Problem(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

pub(super) async fn method_not_allowed() -> Response {
    Refused::MethodNotAllowed.into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let is_unread = matches!(self, Self::TooLarge | Self::Timeout);
        let (status, code, detail) = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send JSON, with Content-Type: application/json",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "request_too_large",
                "the body is larger than 1 MiB; send less",
            ),
            Self::Timeout => (
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "the body did not arrive in time; send it faster",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this resource does not take that method; see Allow",
            ),
        };
        let mut response = answer(status, code, detail.to_owned(), Vec::new());
        if is_unread {
            // The rest of the body is not wanted any more.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, detail) = describe(&self);
        let mut wait = None;
        let errors = match self {
            Self::Invalid(faults) => faults,
            Self::Throttled(time) => {
                wait = Some(time.as_secs().saturating_add(1));
                Vec::new()
            }
            Self::Unavailable => {
                wait = Some(1);
                Vec::new()
            }
            _ => Vec::new(),
        };
        let mut response = answer(status, code, detail, errors);
        let headers = response.headers_mut();
        if let Some(seconds) = wait {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn describe(problem: &Problem) -> (StatusCode, &'static str, String) {
    let (status, code, detail) = match problem {
        Problem::Unauthenticated => (
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "sign in, or send a management token as Authorization: Bearer mk-…",
        ),
        Problem::WrongCredentials => (
            StatusCode::UNAUTHORIZED,
            "invalid_credentials",
            "the e-mail address or the password is wrong",
        ),
        Problem::Forbidden(why) => (StatusCode::FORBIDDEN, "forbidden", *why),
        Problem::CrossSite => (
            StatusCode::FORBIDDEN,
            "cross_site",
            "writes with the cookie must come from this installation's own pages",
        ),
        Problem::NotFound => (
            StatusCode::NOT_FOUND,
            "not_found",
            "there is no such thing here",
        ),
        Problem::Invalid(_) => (
            StatusCode::BAD_REQUEST,
            "invalid",
            "correct the fields under errors",
        ),
        Problem::Conflict(what) => return (StatusCode::CONFLICT, "conflict", what.clone()),
        Problem::IdempotencyKeyReused => (
            StatusCode::CONFLICT,
            "idempotency_key_reused",
            "something else was asked for under this Idempotency-Key: use a new one",
        ),
        Problem::MadeMeanwhile => (
            StatusCode::CONFLICT,
            "conflict",
            "another request under this Idempotency-Key is being answered; send it again",
        ),
        Problem::VersionConflict => (
            StatusCode::PRECONDITION_FAILED,
            "version_conflict",
            "someone changed this meanwhile: read it again, then change it",
        ),
        Problem::Throttled(_) => (
            StatusCode::TOO_MANY_REQUESTS,
            "throttled",
            "too many attempts; wait as Retry-After says",
        ),
        Problem::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the database cannot be asked at the moment; try again",
        ),
        Problem::Internal => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "a fault of this installation; its log has more under this x-request-id",
        ),
    };
    (status, code, detail.to_owned())
}

fn answer(status: StatusCode, code: &'static str, detail: String, errors: Vec<Fault>) -> Response {
    let told = Told {
        code,
        detail: detail.clone(),
        faults: errors.clone(),
    };
    let details = Details {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        code,
        detail,
        errors,
    };
    let headers = [
        (CONTENT_TYPE, "application/problem+json"),
        (CACHE_CONTROL, "no-store"),
    ];
    // A struct of plain fields always serialises.
    let body = serde_json::to_vec(&details).unwrap_or_default();
    (status, headers, Extension(told), body).into_response()
}
