//! JSON bodies as types. Unknown fields are refused, and every faulty field is named at once.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Refused;
use crate::management::{Fault, Faults, Problem};

/// The largest body: lists of models and ids are short.
const LARGEST: usize = 1 << 20;

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
    T::deserialize(Value::Object(body.clone())).map_err(|_| {
        let mut faults = Vec::new();
        faults_of::<T>(&mut Vec::new(), &body, &mut faults);
        Problem::Invalid(faults)
    })
}

/// Reads every member alone, down to where the fault is: whatever is wrong, none hides another.
fn faults_of<T: DeserializeOwned>(
    path: &mut Vec<String>,
    members: &Map<String, Value>,
    faults: &mut Vec<Fault>,
) {
    for (name, value) in members {
        path.push(name.clone());
        if let Some(fault) = fault_at::<T>(path, value) {
            let before = faults.len();
            if let Value::Object(inner) = value {
                faults_of::<T>(path, inner, faults);
            }
            if faults.len() == before {
                faults.push(fault);
            }
        }
        path.pop();
    }
}

/// What is wrong with `value` at `path`, if that is all there is.
fn fault_at<T: DeserializeOwned>(path: &[String], value: &Value) -> Option<Fault> {
    let alone = path.iter().rev().fold(value.clone(), |inner, name| {
        Value::Object(Map::from_iter([(name.clone(), inner)]))
    });
    let error = serde_path_to_error::deserialize::<_, T>(alone).err()?;
    let (own, found) = (path.join("."), error.path().to_string());
    // What is missing beside it is another's fault; an unknown field is its parent's, to serde.
    let message = error.into_inner().to_string();
    let is_own = found.starts_with(&own) || message.starts_with("unknown field");
    let message = if message.starts_with("unknown field") {
        "is not a field that this takes".to_owned()
    } else {
        message
    };
    is_own.then_some(Fault {
        field: own,
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::LimitsPatch;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Change {
        #[serde(rename = "name")]
        _name: Option<String>,
        #[serde(rename = "limits")]
        _limits: Option<LimitsPatch>,
    }

    #[test]
    fn every_faulty_field_is_named_at_once() {
        let body = r#"{"name":7,"budgett":1,"limits":{"concurrency":-1,"rpm":1,
            "quota":{"amount":-5,"period":"year"}}}"#;
        let Err(Problem::Invalid(faults)) = read::<Change>(&Bytes::from(body)) else {
            panic!("it is faulty");
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        let expected = [
            "budgett",
            "limits.concurrency",
            "limits.quota.amount",
            "limits.quota.period",
            "limits.rpm",
            "name",
        ];
        let mut fields = fields;
        fields.sort_unstable();
        assert_eq!(fields, expected);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "null", "{", r#""a""#] {
            let refused = read::<Change>(&Bytes::from(body));
            assert!(matches!(refused, Err(Problem::Invalid(_))), "{body}");
        }
    }
}
