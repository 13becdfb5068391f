//! `/users`: the people of the installation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::etag::{IfMatch, Versioned};
use super::ids::Ids;
use super::json::Body;
use super::list::{List, Page};
use super::query::Params;
use crate::domain::tenant::UserId;
use crate::domain::time::Timestamp;
use crate::management::users::UserSearch;
use crate::management::{Management, Problem, Signed};
use crate::store::users::{Status, User};

/// A person.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = User)]
struct View {
    id: UserId,
    email: String,
    name: String,
    /// Whether they run the installation.
    operator: bool,
    /// Whether they may sign in.
    status: Status,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    version: i64,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct Which {
    /// Only people whose e-mail address contains this, in any case.
    #[param(max_length = 200)]
    search: Option<String>,
    /// How many at most: 1 to 200, 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = UserPatch)]
#[serde(deny_unknown_fields)]
struct Change {
    status: Option<Status>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, update))
}

/// Everybody, by e-mail address. For operators.
#[utoipa::path(get, path = "/users", tag = "users", operation_id = "list_users",
    params(Which), responses((status = 200, body = List<View>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Params(which): Params<Which>,
) -> Result<Json<List<View>>, Problem> {
    let page = Page {
        limit: which.limit,
        cursor: None,
    };
    let search = UserSearch {
        search: which.search,
        cursor: which.cursor,
        limit: page.limit()?,
    };
    let page = management.users(&signed, search).await?;
    Ok(Json(List {
        data: page.users.into_iter().map(View::from).collect(),
        next_cursor: page.next,
    }))
}

/// One person. For operators.
#[utoipa::path(get, path = "/users/{id}", tag = "users", operation_id = "read_user",
    responses((status = 200, body = View)))]
async fn read(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(id): Ids<Uuid>,
) -> Result<Versioned<View>, Problem> {
    Ok(View::versioned(management.one_user(&signed, id).await?))
}

/// Disables someone: their sessions and links end at once, and they cannot sign in until they are
/// active again. Their keys are their organisations' and stay. For operators.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", operation_id = "update_user",
    request_body = Change, responses((status = 200, body = View)))]
async fn update(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(id): Ids<Uuid>,
    IfMatch(version): IfMatch,
    Body(change): Body<Change>,
) -> Result<Versioned<View>, Problem> {
    let changed = management.set_user_status(&signed, id, change.status, version);
    Ok(View::versioned(changed.await?))
}

impl View {
    fn versioned(user: User) -> Versioned<Self> {
        Versioned(user.version, Self::from(user))
    }
}

impl From<User> for View {
    fn from(user: User) -> Self {
        Self {
            status: user.status(),
            id: user.id,
            email: user.email,
            name: user.name,
            operator: user.is_operator,
            created_at: user.created_at,
            version: user.version,
        }
    }
}
