//! Answers requests for pages: reads what is asked, asks [`Management`](crate::management::Management)
//! for it, and fills a page in. Who may do what is decided there, not here.

use axum::Router;
use axum::middleware::from_fn_with_state;

use super::headers::PageHeaders;
use crate::api::{Api, body, log};

mod account;
mod answer;
mod audit;
mod bars;
mod charts;
mod conflict;
mod done;
mod door;
mod form;
mod key;
mod key_form;
mod keys;
mod limits;
mod links;
mod members;
mod mistakes;
mod models;
mod operator;
mod overview;
mod projects;
mod providers;
mod query;
mod secret;
mod settings;
mod span;
mod tokens;
mod usage;
mod visitor;

/// Every page, with its headers.
pub(super) fn router(api: Api) -> Router {
    let headers = PageHeaders::of(&api.management.public_url);
    Router::new()
        .merge(door::routes())
        .merge(links::routes())
        .merge(account::routes())
        .merge(keys::routes())
        .merge(key_form::routes())
        .merge(key::routes())
        .merge(projects::routes())
        .merge(members::routes())
        .merge(tokens::routes())
        .merge(settings::routes())
        .merge(operator::routes())
        .merge(overview::routes())
        .merge(usage::routes())
        .merge(audit::routes())
        .merge(providers::routes())
        .route_layer(from_fn_with_state(api.clone(), body::read_first))
        .layer(from_fn_with_state(api.clone(), log::log))
        .layer(from_fn_with_state(headers, answer::dress))
        .with_state(api)
}
