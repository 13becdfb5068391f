//! The management API, `/api/v1`: thin handlers over [`Management`]. Each reads its request, proves
//! what whoever asks may do, asks for it, and shows the answer. The document that describes it
//! is made from the same routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::config::AddressRange;
use crate::management::{Management, Problem};

mod audit;
pub(crate) mod body;
mod browser;
mod calls;
mod catalog;
pub(crate) mod cookie;
mod creation;
mod csv;
mod etag;
pub(crate) mod ids;
mod invitations;
mod json;
mod keys;
mod links;
mod list;
pub(crate) mod log;
mod me;
mod members;
mod openapi;
mod organisations;
mod origin;
pub(crate) mod problem;
mod projects;
mod query;
mod reference;
mod session;
mod signed;
mod tokens;
mod usage;
mod users;

pub use cookie::COOKIE;

/// Where it is.
pub const ROOT: &str = "/api/v1";

/// What its handlers work with.
#[derive(Clone)]
pub struct Api {
    /// What they ask.
    pub management: Arc<Management>,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Arc<[AddressRange]>,
    /// From a request's head to its body's end.
    pub body_timeout: Duration,
}

impl FromRef<Api> for Arc<Management> {
    fn from_ref(api: &Api) -> Self {
        Self::clone(&api.management)
    }
}

/// Every route, and the document that describes them.
fn routes() -> (Router<Api>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(audit::routes())
        .merge(calls::routes())
        .merge(catalog::routes())
        .merge(keys::routes())
        .merge(organisations::routes())
        .merge(openapi::routes())
        .merge(projects::routes())
        .merge(session::routes())
        .merge(me::routes())
        .merge(members::routes())
        .merge(invitations::routes())
        .merge(tokens::routes())
        .merge(links::routes())
        .merge(reference::routes())
        .merge(usage::routes())
        .merge(users::routes())
        .split_for_parts()
}

/// The document that describes the API.
pub fn document() -> OpenApi {
    openapi::finish(routes().1)
}

/// The document as it is served, printed and committed.
pub fn document_text() -> String {
    openapi::text()
}

/// The API, to be merged with what else is served.
pub fn router(api: Api) -> Router {
    let (routes, _) = routes();
    let routes = routes
        .route_layer(from_fn_with_state(api.clone(), body::read_first))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(from_fn_with_state(api.clone(), log::log))
        .with_state(api);
    Router::new().nest(ROOT, routes)
}
