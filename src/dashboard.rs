//! The pages where tenants live: templates, the assets that they need, and the headers that keep
//! them safe. Pages are plain data that a template shows; who fills them is not this module's matter.

use axum::Router;
use axum::routing::get;

pub mod assets;
pub mod components;
pub mod format;
pub mod frame;
pub mod headers;
pub mod pages;
pub mod paths;

/// The routes that need no session: the assets.
pub fn router() -> Router {
    Router::new().route(paths::ASSET, get(assets::serve))
}
