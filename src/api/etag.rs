//! Versions as entity tags (RFC 9110, 8.8.3): what was read can be named when it is changed.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use serde::Serialize;

use crate::management::Problem;

/// The version that a change was made for, if the request names one. `*` is any.
pub(super) struct IfMatch(pub(super) Option<i64>);

/// An answer with its version.
pub(super) struct Versioned<T>(pub(super) i64, pub(super) T);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(IF_MATCH) else {
            return Ok(Self(None));
        };
        let value = value.to_str().unwrap_or_default().trim();
        if value == "*" {
            return Ok(Self(None));
        }
        // Another tag of anybody's making is not the present one.
        let version = value.trim_matches('"').parse();
        version
            .map(|version| Self(Some(version)))
            .map_err(|_| Problem::VersionConflict)
    }
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(ETAG, format!("\"{}\"", self.0))], Json(self.1)).into_response()
    }
}
