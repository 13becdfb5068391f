//! JSON bodies as types. Unknown fields are refused, and every faulty field is named at once.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body::LARGEST;
use super::problem::Refused;
use crate::management::{Faults, Problem};

pub(super) mod faults;

/// A body of JSON. All fields of `T` must be optional to serde; what is required is checked by whoever
/// uses it.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        Ok(Self(read(&bytes(request).await?)?))
    }
}

/// The bytes of a body that says it is JSON.
pub(super) async fn bytes(request: Request) -> Result<Bytes, Refused> {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A form that another site submits has none of this type: it cannot pass for one of ours.
    if !is_json(kind) {
        return Err(Refused::UnsupportedMediaType);
    }
    let bytes = to_bytes(request.into_body(), LARGEST).await;
    bytes.map_err(|_| Refused::TooLarge)
}

fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// What they say.
pub(super) fn read<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    let not_an_object = || {
        let mut faults = Faults::default();
        faults.add("", "the body must be one JSON object");
        faults.check()
    };
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(bytes) else {
        not_an_object()?;
        return Err(Problem::Internal);
    };
    let body = Value::Object(body);
    T::deserialize(&body).map_err(|_| match body {
        Value::Object(members) => Problem::Invalid(faults::of::<T>(members)),
        _ => Problem::Internal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Change {
        #[serde(rename = "name")]
        _name: Option<String>,
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "null", "{", r#""a""#] {
            let refused = read::<Change>(&Bytes::from(body));
            assert!(matches!(refused, Err(Problem::Invalid(_))), "{body}");
        }
    }
}
