//! `/orgs/{org}/projects`.

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
use crate::domain::role::Role;
use crate::domain::tenant::ProjectId;
use crate::domain::time::Timestamp;
use crate::management::projects::NewProject;
use crate::management::{Management, Problem, Signed};
use crate::store::projects::{Project, ProjectPatch};

/// A group of keys with limits of its own, which all of them share.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Project)]
struct View {
    id: ProjectId,
    name: String,
    /// Where keys without a project go; it stays.
    is_default: bool,
    limits: Limits,
    /// The models its keys may call; null for all.
    models: Option<Vec<String>>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    version: i64,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = NewProject)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Unique in its organisation.
    #[schema(required = true, min_length = 1, max_length = 100)]
    name: Option<String>,
    #[serde(default)]
    limits: Limits,
    models: Option<Vec<String>>,
}

#[expect(
    clippy::option_option,
    reason = "what is absent differs from null (RFC 7396)"
)]
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = ProjectPatch)]
#[serde(deny_unknown_fields)]
struct Change {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
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

/// All projects, by name.
#[utoipa::path(get, path = "/orgs/{org}/projects", tag = "projects",
    operation_id = "list_projects",
    params(Part), responses((status = 200, body = List<View>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(part): Params<Part>,
) -> Result<Json<List<View>>, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let projects = management.projects(&access).await?;
    let views = projects.into_iter().map(View::from).collect();
    let list = List::part(views, &part, |view: &View| (view.name.clone(), view.id))?;
    Ok(Json(list))
}

/// Makes a project.
#[utoipa::path(post, path = "/orgs/{org}/projects", tag = "projects",
    operation_id = "create_project",
    request_body = Create, responses((status = 201, body = View), (status = 200, body = View)))]
async fn create(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Creation { once, body: new }: Creation<Create>,
) -> Result<Created<View>, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    let new = NewProject {
        name: new.name,
        limits: new.limits,
        models: new.models,
    };
    let made = management.create_project(&access, new, once).await?;
    Ok(Created {
        is_replayed: made.is_replayed,
        thing: View::versioned(made.thing),
    })
}

/// One project.
#[utoipa::path(get, path = "/orgs/{org}/projects/{id}", tag = "projects",
    operation_id = "read_project",
    responses((status = 200, body = View)))]
async fn read(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
) -> Result<Versioned<View>, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    Ok(View::versioned(management.project(&access, id).await?))
}

/// Changes what is given (RFC 7396).
#[utoipa::path(patch, path = "/orgs/{org}/projects/{id}", tag = "projects",
    operation_id = "update_project",
    request_body = Change, responses((status = 200, body = View)))]
async fn update(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
    IfMatch(version): IfMatch,
    Body(change): Body<Change>,
) -> Result<Versioned<View>, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    let patch = ProjectPatch {
        name: change.name,
        limits: change.limits,
        models: change.models,
        version,
    };
    let project = management.update_project(&access, id, patch).await?;
    Ok(View::versioned(project))
}

/// Deletes a project without keys.
#[utoipa::path(delete, path = "/orgs/{org}/projects/{id}", tag = "projects",
    operation_id = "delete_project",
    responses((status = 204)))]
async fn delete(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    management.delete_project(&access, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl View {
    fn versioned(project: Project) -> Versioned<Self> {
        Versioned(project.version, Self::from(project))
    }
}

impl From<Project> for View {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            name: project.name,
            is_default: project.is_default,
            limits: project.limits,
            models: project.models,
            created_at: project.created_at,
            version: project.version,
        }
    }
}
