//! `…/keys/{id}/rotate`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::WithSecret;
use crate::api::Api;
use crate::api::etag::{IfMatch, Versioned};
use crate::api::ids::Ids;
use crate::api::json::Body;
use crate::domain::role::Role;
use crate::management::{Management, Problem, Signed};

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = KeyRotation)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// How long the old secret still works; a day unless given, 0 ends it now.
    #[schema(minimum = 0, maximum = 2_592_000)]
    grace_seconds: Option<u32>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(rotate))
}

/// Gives a key a new secret and shows it, once.
#[utoipa::path(post, path = "/orgs/{org}/keys/{id}/rotate", tag = "keys",
    operation_id = "rotate_key",
    request_body = Rotation, responses((status = 200, body = WithSecret)))]
async fn rotate(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
    IfMatch(version): IfMatch,
    Body(rotation): Body<Rotation>,
) -> Result<Versioned<WithSecret>, Problem> {
    let access = management.access(&signed, org, Role::Member)?;
    let grace = rotation.grace_seconds.map(u64::from);
    let grace = grace.map(Duration::from_secs);
    let shown = management.rotate_key(&access, id, grace, version).await?;
    Ok(WithSecret::of(shown))
}
