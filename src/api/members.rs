//! `/orgs/{org}/members`.

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
use crate::domain::role::Role;
use crate::domain::tenant::UserId;
use crate::domain::time::Timestamp;
use crate::management::{Management, Problem, Signed};
use crate::store::memberships::Member;

/// Someone who belongs to an organisation.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Member)]
struct View {
    /// The user's.
    id: UserId,
    email: String,
    name: String,
    role: Role,
    /// When they joined.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Grows with every change of the role.
    version: i64,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = NewMember)]
#[serde(deny_unknown_fields)]
struct Add {
    #[schema(required = true)]
    email: Option<String>,
    #[schema(required = true)]
    role: Option<Role>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = MemberPatch)]
#[serde(deny_unknown_fields)]
struct Change {
    #[schema(required = true)]
    role: Option<Role>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(update, remove))
}

/// Everybody, by e-mail address.
#[utoipa::path(get, path = "/orgs/{org}/members", tag = "members",
    operation_id = "list_members",
    params(Part), responses((status = 200, body = List<View>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(part): Params<Part>,
) -> Result<Json<List<View>>, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    let members = management.members(&access).await?;
    let views = members.into_iter().map(View::from).collect();
    let list = List::part(views, &part, |view: &View| view.email.clone())?;
    Ok(Json(list))
}

/// Makes someone a member whom you manage in another organisation already. Invite anybody else.
#[utoipa::path(post, path = "/orgs/{org}/members", tag = "members",
    operation_id = "add_member",
    request_body = Add, responses((status = 201, body = View), (status = 200, body = View)))]
async fn add(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    new: Creation<Add>,
) -> Result<Created<View>, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    let (once, new) = (new.once, new.body);
    let added = management.add_member(&access, new.email.as_deref(), new.role, once);
    let added = added.await?;
    Ok(Created {
        is_replayed: added.is_replayed,
        thing: View::versioned(added.thing),
    })
}

/// Gives a member another role. Their sessions end. Only owners make owners or change them, and the
/// last owner stays one.
#[utoipa::path(patch, path = "/orgs/{org}/members/{user}", tag = "members",
    operation_id = "update_member",
    request_body = Change, responses((status = 200, body = View)))]
async fn update(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, user)): Ids<(Uuid, Uuid)>,
    IfMatch(version): IfMatch,
    Body(change): Body<Change>,
) -> Result<Versioned<View>, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    let changed = management.set_role(&access, user, change.role, version);
    Ok(View::versioned(changed.await?))
}

/// Ends a membership. The member's keys in this organisation are disabled, and their sessions end.
#[utoipa::path(delete, path = "/orgs/{org}/members/{user}", tag = "members",
    operation_id = "remove_member",
    responses((status = 204)))]
async fn remove(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, user)): Ids<(Uuid, Uuid)>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    management.remove_member(&access, user, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl View {
    fn versioned(member: Member) -> Versioned<Self> {
        Versioned(member.version, Self::from(member))
    }
}

impl From<Member> for View {
    fn from(member: Member) -> Self {
        Self {
            id: member.user_id,
            email: member.email,
            name: member.name,
            role: member.role,
            created_at: member.created_at,
            version: member.version,
        }
    }
}
