//! `/orgs/{org}/audit` and `/audit`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::ids::Ids;
use super::list::{List, Page};
use super::query::Params;
use crate::domain::role::Role;
use crate::management::audit::{AuditList, AuditSearch, ChangeView};
use crate::management::{Management, Problem, Signed};

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct Search {
    /// Only changes of this action, such as `key.update`.
    #[param(min_length = 1, max_length = 100)]
    action: Option<String>,
    /// Only changes by this user or token.
    author: Option<Uuid>,
    /// Only changes of this key, project, member or whatever else.
    subject: Option<Uuid>,
    /// How many at most: 1 to 200, 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(list_of_installation))
}

/// What was changed by whom, newest first. For admins.
#[utoipa::path(get, path = "/orgs/{org}/audit", tag = "audit", operation_id = "list_changes",
    params(Search), responses((status = 200, body = List<ChangeView>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(search): Params<Search>,
) -> Result<Json<List<ChangeView>>, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    let page = management.audit(&access, search.read()?).await?;
    Ok(Json(page.into()))
}

/// What concerns the installation, newest first: people and how they signed in, operators' tokens, and
/// organisations as wholes. For operators.
#[utoipa::path(get, path = "/audit", tag = "audit",
    operation_id = "list_changes_of_installation",
    params(Search), responses((status = 200, body = List<ChangeView>)))]
async fn list_of_installation(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Params(search): Params<Search>,
) -> Result<Json<List<ChangeView>>, Problem> {
    let page = management.installation_audit(&signed, search.read()?);
    Ok(Json(page.await?.into()))
}

impl Search {
    fn read(self) -> Result<AuditSearch, Problem> {
        let page = Page {
            limit: self.limit,
            cursor: None,
        };
        Ok(AuditSearch {
            limit: page.limit()?,
            action: self.action,
            author: self.author,
            subject: self.subject,
            cursor: self.cursor,
        })
    }
}

impl From<AuditList> for List<ChangeView> {
    fn from(page: AuditList) -> Self {
        Self {
            data: page.changes,
            next_cursor: page.next,
        }
    }
}
