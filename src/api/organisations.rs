//! `/orgs`.

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
use super::list::{List, Part};
use super::query::Params;
use crate::domain::limits::patch::{all_or_given, given};
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::tenant::{OrganisationId, OrganisationStatus};
use crate::domain::time::Timestamp;
use crate::management::organisations::NewOrganisation;
use crate::management::{Management, Problem, Signed};
use crate::store::organisations::{Organisation, OrganisationPatch};

/// A tenant.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Organisation)]
struct View {
    id: OrganisationId,
    name: String,
    /// Whether its keys may call.
    status: OrganisationStatus,
    /// What all its keys together may use.
    limits: Limits,
    /// The models its keys may call; null for all.
    models: Option<Vec<String>>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    version: i64,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = NewOrganisation)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Unique.
    #[schema(required = true, min_length = 1, max_length = 100)]
    name: Option<String>,
    #[serde(default)]
    limits: Limits,
}

#[expect(
    clippy::option_option,
    reason = "what is absent differs from null (RFC 7396)"
)]
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = OrganisationPatch)]
#[serde(deny_unknown_fields)]
struct Change {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    status: Option<OrganisationStatus>,
    /// Null takes all of them away.
    #[serde(default, deserialize_with = "all_or_given")]
    limits: Option<LimitsPatch>,
    #[serde(default, deserialize_with = "given")]
    models: Option<Option<Vec<String>>>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
}

/// All organisations, by name. For operators.
#[utoipa::path(get, path = "/orgs", tag = "organisations",
    operation_id = "list_organisations", params(Part), responses((status = 200, body = List<View>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Params(part): Params<Part>,
) -> Result<Json<List<View>>, Problem> {
    let organisations = management.organisations(&signed).await?;
    let views = organisations.into_iter().map(View::from).collect();
    let list = List::part(views, &part, |view: &View| (view.name.clone(), view.id))?;
    Ok(Json(list))
}

/// Makes an organisation. For operators.
#[utoipa::path(post, path = "/orgs", tag = "organisations", operation_id = "create_organisation",
    request_body = Create, responses((status = 201, body = View), (status = 200, body = View)))]
async fn create(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Creation { once, body: new }: Creation<Create>,
) -> Result<Created<View>, Problem> {
    let new = NewOrganisation {
        name: new.name,
        limits: new.limits,
    };
    let made = management.create_organisation(&signed, new, once).await?;
    Ok(Created {
        is_replayed: made.is_replayed,
        thing: View::versioned(made.thing),
    })
}

/// One organisation. For operators and its owners.
#[utoipa::path(get, path = "/orgs/{org}", tag = "organisations",
    operation_id = "read_organisation", responses((status = 200, body = View)))]
async fn read(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
) -> Result<Versioned<View>, Problem> {
    let organisation = management.organisation(&signed, org).await?;
    Ok(View::versioned(organisation))
}

/// Changes what is given (RFC 7396). Owners only rename theirs.
#[utoipa::path(patch, path = "/orgs/{org}", tag = "organisations",
    operation_id = "update_organisation",
    request_body = Change, responses((status = 200, body = View)))]
async fn update(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    IfMatch(version): IfMatch,
    Body(change): Body<Change>,
) -> Result<Versioned<View>, Problem> {
    let patch = OrganisationPatch {
        name: change.name,
        status: change.status,
        limits: change.limits,
        models: change.models,
        version,
    };
    let organisation = management.update_organisation(&signed, org, patch).await?;
    Ok(View::versioned(organisation))
}

/// Deletes an organisation: its keys end at once. Its usage stays. For operators.
#[utoipa::path(delete, path = "/orgs/{org}", tag = "organisations",
    operation_id = "delete_organisation", responses((status = 204)))]
async fn delete(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    let deleted = management.delete_organisation(&signed, org, version);
    deleted.await.map(|()| StatusCode::NO_CONTENT)
}

impl View {
    fn versioned(organisation: Organisation) -> Versioned<Self> {
        Versioned(organisation.version, Self::from(organisation))
    }
}

impl From<Organisation> for View {
    fn from(organisation: Organisation) -> Self {
        Self {
            id: organisation.id,
            name: organisation.name,
            status: organisation.status,
            limits: organisation.limits,
            models: organisation.models,
            created_at: organisation.created_at,
            version: organisation.version,
        }
    }
}
