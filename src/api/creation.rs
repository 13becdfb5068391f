//! Requests that make something. Under an `Idempotency-Key` the same request makes one thing however
//! often it is sent: a client that got no answer may ask again.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::etag::Versioned;
use super::json;
use super::problem::Refused;
use crate::domain::audit::Once;
use crate::management::{Faults, Problem};

const HEADER: &str = "idempotency-key";
const REPLAYED: &str = "idempotent-replayed";

/// A body that asks for something to be made, under a name if the client gave one.
pub(super) struct Creation<T> {
    pub(super) once: Option<Once>,
    pub(super) body: T,
}

/// What was made: 201, or 200 if it was made before under the same name.
pub(super) struct Created<T> {
    pub(super) is_replayed: bool,
    pub(super) thing: Versioned<T>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Creation<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let name = name(request.headers())?;
        let target = format!("{} {}", request.method(), request.uri().path());
        let bytes = json::bytes(request).await?;
        let once = name.map(|name| Once {
            name,
            request: digest(&target, &bytes),
        });
        let body = json::read(&bytes)?;
        Ok(Self { once, body })
    }
}

/// Everything that is asked.
fn digest(target: &str, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(target);
    digest.update([0]);
    digest.update(body);
    digest.finalize().into()
}

fn name(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let name = value.to_str().unwrap_or_default().trim();
    let mut faults = Faults::default();
    if name.is_empty() || name.len() > 255 {
        faults.add("Idempotency-Key", "1 to 255 visible characters of ASCII");
    }
    faults.check()?;
    Ok(Some(name.to_owned()))
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = self.thing.into_response();
        if self.is_replayed {
            let headers = response.headers_mut();
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
            return response;
        }
        *response.status_mut() = StatusCode::CREATED;
        response
    }
}
