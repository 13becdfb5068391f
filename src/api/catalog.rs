//! `/providers` and `/models`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::list::{List, Part};
use super::query::Params;
use crate::management::catalog::{ModelView, ProviderView};
use crate::management::{Management, Problem, Signed};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(providers))
        .routes(routes!(models))
}

/// All providers; operators also see how they do.
#[utoipa::path(get, path = "/providers", tag = "catalog", operation_id = "list_providers",
    params(Part), responses((status = 200, body = List<ProviderView>)))]
async fn providers(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Params(part): Params<Part>,
) -> Result<Json<List<ProviderView>>, Problem> {
    let providers = management.providers(&signed);
    let list = List::part(providers, &part, |one: &ProviderView| one.name.clone())?;
    Ok(Json(list))
}

/// The models that are known by name. Patterns of providers may serve more.
#[utoipa::path(get, path = "/models", tag = "catalog", operation_id = "list_models",
    params(Part), responses((status = 200, body = List<ModelView>)))]
async fn models(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Params(part): Params<Part>,
) -> Result<Json<List<ModelView>>, Problem> {
    let place = |one: &ModelView| (one.name.clone(), one.provider.clone());
    let list = List::part(management.models(&signed), &part, place)?;
    Ok(Json(list))
}
