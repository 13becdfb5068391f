//! `…/keys/bulk`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::Api;
use crate::api::ids::Ids;
use crate::api::json::Body;
use crate::domain::role::Role;
use crate::domain::tenant::KeyId;
use crate::management::keys::BulkAction;
use crate::management::{Faults, Management, Problem, Signed};

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = KeyBulk)]
#[serde(deny_unknown_fields)]
struct Bulk {
    #[schema(required = true)]
    action: Option<BulkAction>,
    #[serde(default)]
    #[schema(required = true, min_items = 1, max_items = 200)]
    ids: Vec<Uuid>,
}

/// What became of the keys that were named.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = KeyBulkOutcome)]
struct Outcome {
    done: Vec<KeyId>,
    /// Those that are not there, or not theirs who asked.
    not_found: Vec<KeyId>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(change))
}

/// Does the same to many keys: to all that are there, or to none.
#[utoipa::path(post, path = "/orgs/{org}/keys/bulk", tag = "keys", operation_id = "change_keys",
    request_body = Bulk, responses((status = 200, body = Outcome)))]
async fn change(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Body(bulk): Body<Bulk>,
) -> Result<Json<Outcome>, Problem> {
    let access = management.access(&signed, org, Role::Member)?;
    let Some(action) = bulk.action else {
        let mut faults = Faults::default();
        faults.add("action", "is required: enable, disable or delete");
        faults.check()?;
        return Err(Problem::Internal);
    };
    let outcome = management.change_keys(&access, action, &bulk.ids).await?;
    Ok(Json(Outcome {
        done: outcome.done,
        not_found: outcome.not_found,
    }))
}
