//! JSON bodies as types. Unknown fields are refused, and every faulty field is named at once.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::body::LARGEST;
use super::problem::Refused;
use crate::management::{Faults, Problem};
use unique::Unique;

pub(super) mod faults;
mod unique;

/// What has fields of its own. Serde would take a list of their values, too.
const OBJECTS: [&str; 3] = ["limits", "limits.quota", "limits.budget"];

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
    let body = object(bytes)?;
    T::deserialize(&body).map_err(|_| match body {
        Value::Object(members) => Problem::Invalid(faults::of::<T>(members)),
        _ => Problem::Internal,
    })
}

/// The object they are, which all its readers read alike.
fn object(bytes: &Bytes) -> Result<Value, Problem> {
    let mut faults = Faults::default();
    let read = serde_json::from_slice(bytes).map(|Unique(body)| body);
    match &read {
        Err(error) if error.classify() == Category::Data => faults.add("", error.to_string()),
        Ok(Value::Object(_)) => {}
        _ => faults.add("", "the body must be one JSON object"),
    }
    let body = read.unwrap_or_default();
    for object in OBJECTS {
        let value = body.pointer(&format!("/{}", object.replace('.', "/")));
        if value.is_some_and(Value::is_array) {
            faults.add(object, "must be an object");
        }
    }
    faults.check()?;
    Ok(body)
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
        for body in ["", "[]", "null", "{", r#""a""#, "{}{}"] {
            let refused = read::<Change>(&Bytes::from(body));
            assert!(matches!(refused, Err(Problem::Invalid(_))), "{body}");
        }
    }

    #[test]
    fn a_name_that_stands_there_twice_is_named() {
        for body in [
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"a","n\u0061me":"b"}"#,
            r#"{"limits":{"x":[{"name":1,"name":1}]}}"#,
        ] {
            let refused = read::<Change>(&Bytes::from(body));
            let Err(Problem::Invalid(faults)) = refused else {
                panic!("{body}");
            };
            assert!(faults[0].message.starts_with("`name` stands there twice"));
        }
    }
}
