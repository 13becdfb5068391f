//! The pages where tenants live: templates, the assets that they need, and the headers that keep
//! them safe. Pages are plain data that a template shows; `site` fills them in.

use axum::Router;
use axum::routing::get;

use crate::api::Api;

pub mod assets;
pub mod components;
pub mod format;
pub mod frame;
mod gzip;
pub mod headers;
pub mod pages;
pub mod paths;
mod site;

/// All pages and what they need, to be merged with what else is served.
pub fn site(api: Api) -> Router {
    site::router(api).merge(router())
}

/// The routes that need no session: the assets.
pub fn router() -> Router {
    Router::new().route(paths::ASSET, get(assets::serve))
}
