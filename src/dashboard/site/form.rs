//! What a form sends.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use sha2::{Digest, Sha256};

use crate::domain::audit::Once;
use crate::management::Problem;

/// The fields of a form, in their order.
#[derive(Debug, Default)]
pub(super) struct Form {
    pairs: Vec<(String, String)>,
    bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // It was read already: nothing is wrong with it.
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|_| Problem::Internal)?;
        let pairs = form_urlencoded::parse(&bytes).into_owned().collect();
        Ok(Self { pairs, bytes })
    }
}

impl Form {
    /// What `name` holds, if it was sent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What `name` holds, without space around it, if that is anything.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// What `name` holds, to be shown again.
    pub(super) fn echo(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// The version that was edited; another one is refused.
    pub(super) fn version(&self) -> Option<i64> {
        self.text("version")?.parse().ok()
    }

    /// All that `name` holds.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.pairs.iter().filter(move |(own, _)| own == name);
        pairs.map(|(_, value)| value.as_str())
    }

    /// Makes what is asked for under `name` one thing, however often the form is sent.
    pub(super) fn once(&self, name: &str) -> Once {
        Once {
            name: name.to_owned(),
            request: Sha256::digest(&self.bytes).into(),
        }
    }
}
