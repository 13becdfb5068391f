//! Asks providers hourly which models they have, in the background; a failure keeps the last list.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;

use super::{Catalog, Provider};
use crate::upstream::Upstream;

const EVERY: Duration = Duration::from_hours(1);
const PATIENCE: Duration = Duration::from_secs(30);
const LARGEST_LIST: usize = 4 * 1024 * 1024;

/// A provider's own list of models.
#[derive(Deserialize)]
pub struct Listing {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
}

/// Keeps the lists of all providers that have globs fresh; never ends by itself.
pub async fn fetch_listings(catalog: Arc<Catalog>, upstream: Arc<Upstream>) {
    loop {
        for provider in catalog
            .providers()
            .iter()
            .filter(|provider| provider.has_globs())
        {
            let fetched = tokio::time::timeout(PATIENCE, fetch(provider, &upstream)).await;
            if let Ok(Some(names)) = fetched {
                provider.list(names);
            } else {
                tracing::debug!(provider = &*provider.name, "no list of models to be had");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = catalog.replaced.notified() => {}
        }
    }
}

async fn fetch(provider: &Provider, upstream: &Upstream) -> Option<Vec<String>> {
    let mut request = Request::get(provider.models_uri().clone());
    if let Some(credential) = &provider.credential {
        request = request.header(AUTHORIZATION, credential);
    }
    let request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
    let response = upstream
        .send(request.body(Bytes::new()).ok()?, drop)
        .await
        .ok()?;
    if !response.status().is_success() {
        return None;
    }
    let body = Limited::new(response.into_body(), LARGEST_LIST)
        .collect()
        .await
        .ok()?;
    let listing: Listing = serde_json::from_slice(&body.to_bytes()).ok()?;
    Some(listing.data.into_iter().map(|entry| entry.id).collect())
}
