//! `/orgs/{org}/keys`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::creation::{Created, Creation};
use super::etag::{IfMatch, Versioned};
use super::ids::Ids;
use super::json::Body;
use super::list::List;
use super::query::Params;
use crate::domain::limits::patch::{all_or_given, given};
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::role::Role;
use crate::domain::tenant::{KeyStatus, ProjectId};
use crate::domain::time::Timestamp;
use crate::management::keys::{KeyView, NewKey, Shown};
use crate::management::{Management, Problem, Signed};
use crate::store::keys::KeyPatch;

mod bulk;
mod filters;
mod leaks;
mod refusals;
mod rotation;

use filters::Filters;

/// A key with its secret, which no other answer holds.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = KeyWithSecret)]
struct WithSecret {
    key: KeyView,
    /// Shown this once; null in the answer to a repeated request.
    secret: Option<String>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = NewKey)]
#[serde(deny_unknown_fields)]
struct Create {
    #[schema(required = true, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The default project unless given.
    project_id: Option<Uuid>,
    /// The models it may call: exact names and globs; all unless given.
    models: Option<Vec<String>>,
    #[serde(default)]
    limits: Limits,
    /// When it stops working; never unless given.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

#[expect(
    clippy::option_option,
    reason = "what is absent differs from null (RFC 7396)"
)]
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = KeyPatch)]
#[serde(deny_unknown_fields)]
struct Change {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    status: Option<KeyStatus>,
    project_id: Option<ProjectId>,
    #[serde(default, deserialize_with = "given")]
    models: Option<Option<Vec<String>>>,
    /// Null takes all of them away.
    #[serde(default, deserialize_with = "all_or_given")]
    limits: Option<LimitsPatch>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<Timestamp>>,
    /// A member to hand it on to; for admins.
    owner_id: Option<Uuid>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .merge(bulk::routes())
        .merge(leaks::routes())
        .merge(refusals::routes())
        .merge(rotation::routes())
}

/// A page of keys. Members see their own.
#[utoipa::path(get, path = "/orgs/{org}/keys", tag = "keys", operation_id = "list_keys",
    params(Filters), responses((status = 200, body = List<KeyView>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(filters): Params<Filters>,
) -> Result<Json<List<KeyView>>, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let page = management.keys(&access, filters.query()?).await?;
    Ok(Json(List {
        data: page.keys,
        next_cursor: page.next,
    }))
}

/// Makes a key and shows its secret, once.
#[utoipa::path(post, path = "/orgs/{org}/keys", tag = "keys", operation_id = "create_key",
    request_body = Create,
    responses((status = 201, body = WithSecret), (status = 200, body = WithSecret)))]
async fn create(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Creation { once, body: new }: Creation<Create>,
) -> Result<Created<WithSecret>, Problem> {
    let access = management.access(&signed, org, Role::Member)?;
    let new = NewKey {
        name: new.name,
        project_id: new.project_id,
        models: new.models,
        limits: new.limits,
        expires_at: new.expires_at,
    };
    let made = management.create_key(&access, new, once).await?;
    Ok(Created {
        is_replayed: made.is_replayed,
        thing: WithSecret::of(made.thing),
    })
}

/// One key.
#[utoipa::path(get, path = "/orgs/{org}/keys/{id}", tag = "keys", operation_id = "read_key",
    responses((status = 200, body = KeyView)))]
async fn read(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
) -> Result<Versioned<KeyView>, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let key = management.key(&access, id).await?;
    Ok(Versioned(key.version, key))
}

/// Changes what is given (RFC 7396).
#[utoipa::path(patch, path = "/orgs/{org}/keys/{id}", tag = "keys", operation_id = "update_key",
    request_body = Change, responses((status = 200, body = KeyView)))]
async fn update(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
    IfMatch(version): IfMatch,
    Body(change): Body<Change>,
) -> Result<Versioned<KeyView>, Problem> {
    let access = management.access(&signed, org, Role::Member)?;
    let patch = KeyPatch {
        name: change.name,
        status: change.status,
        project_id: change.project_id,
        models: change.models,
        limits: change.limits,
        expires_at: change.expires_at,
        owner_id: change.owner_id,
    };
    let key = management.update_key(&access, id, patch, version).await?;
    Ok(Versioned(key.version, key))
}

/// Deletes a key; its usage stays.
#[utoipa::path(delete, path = "/orgs/{org}/keys/{id}", tag = "keys", operation_id = "delete_key",
    responses((status = 204)))]
async fn delete(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    let access = management.access(&signed, org, Role::Member)?;
    management.delete_key(&access, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl WithSecret {
    fn of(shown: Shown) -> Versioned<Self> {
        let secret = shown.secret.map(|secret| secret.expose().to_owned());
        let key = shown.key;
        Versioned(key.version, Self { key, secret })
    }
}
