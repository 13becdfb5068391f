//! Queries as types. Unknown parameters are refused, and every faulty one is named at once.

use axum::extract::{FromRequestParts, Query};
use http::Uri;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::management::fault::MOST;
use crate::management::{Faults, Problem};

/// The query's parameters.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        if let Ok(Query(params)) = query {
            return Ok(Self(params));
        }
        faults::<T>(parts.uri.query().unwrap_or_default()).check()?;
        Err(Problem::Internal)
    }
}

/// Reads every parameter alone, so that none hides another.
fn faults<T: DeserializeOwned>(query: &str) -> Faults {
    let mut faults = Faults::default();
    for pair in query.split('&') {
        if faults.len() >= MOST {
            break;
        }
        let name = pair.split('=').next().unwrap_or_default();
        let alone = format!("/?{pair}").parse::<Uri>();
        let Ok(alone) = alone else {
            faults.add(name, "is not encoded as a query is");
            continue;
        };
        if let Err(error) = Query::<T>::try_from_uri(&alone) {
            let error = std::error::Error::source(&error).map(ToString::to_string);
            faults.add(name, error.unwrap_or_default());
        }
    }
    if faults.is_empty() {
        faults.add("", "name each parameter once");
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Search {
        #[serde(rename = "limit")]
        _limit: Option<u16>,
        #[serde(rename = "search")]
        _search: Option<String>,
    }

    #[track_caller]
    fn faulty(query: &str) -> Vec<String> {
        let Err(Problem::Invalid(faults)) = faults::<Search>(query).check() else {
            panic!("it is faulty");
        };
        faults.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn every_faulty_parameter_is_named_at_once() {
        let query = "limit=many&search=x&serach=y";
        assert_eq!(faulty(query), ["limit", "serach"]);
        assert_eq!(faulty("search=x&search=y"), [""]);
    }
}
