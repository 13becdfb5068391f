//! `/orgs/{org}/invitations`, and `/invitations/accept` for whoever was invited.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::creation::{Created, Creation};
use super::etag::Versioned;
use super::ids::Ids;
use super::json::Body;
use super::list::{List, Part};
use super::me::Me;
use super::query::Params;
use super::session::welcome;
use crate::domain::role::Role;
use crate::domain::tenant::InvitationId;
use crate::domain::time::Timestamp;
use crate::management::invitations::Acceptance;
use crate::management::{Browser, Management, Problem, Signed};
use crate::store::invitations::Invitation;

/// An invitation that was not used yet.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Invitation)]
struct View {
    id: InvitationId,
    /// Who may use it.
    email: String,
    role: Role,
    /// Who invited them.
    created_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A new invitation, with what is shown this once.
#[derive(Serialize, utoipa::ToSchema)]
struct Invited {
    invitation: View,
    /// What `POST /invitations/accept` takes. Null in the answer to a repeated request
    /// (`Idempotency-Key`).
    secret: Option<String>,
    /// The same for a browser: hand it to the invited person. Null where the secret is.
    link: Option<String>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = NewInvitation)]
#[serde(deny_unknown_fields)]
struct Create {
    #[schema(required = true)]
    email: Option<String>,
    /// At most your own.
    #[schema(required = true)]
    role: Option<Role>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Accept {
    /// The invitation's.
    #[schema(required = true)]
    secret: Option<String>,
    /// What people call you; needed if you have no account yet.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Yours, or the one you choose if you have no account yet. Not needed if you are signed in.
    #[schema(format = Password, max_length = 4096)]
    password: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
        .routes(routes!(accept))
}

/// All that were not used yet, by e-mail address.
#[utoipa::path(get, path = "/orgs/{org}/invitations", tag = "members",
    operation_id = "list_invitations",
    params(Part), responses((status = 200, body = List<View>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(part): Params<Part>,
) -> Result<Json<List<View>>, Problem> {
    let access = management.access_to_invite(&signed, org).await?;
    let open = management.invitations(&access).await?;
    let views = open.into_iter().map(View::from).collect();
    let list = List::part(views, &part, |view: &View| view.email.clone())?;
    Ok(Json(list))
}

/// Invites someone. The link is shown this once and works for a week; an earlier one for the same
/// person works no more. The operator invites to an organisation that has no owner.
#[utoipa::path(post, path = "/orgs/{org}/invitations", tag = "members",
    operation_id = "create_invitation",
    request_body = Create, responses((status = 201, body = Invited), (status = 200, body = Invited)))]
async fn create(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Creation { once, body: new }: Creation<Create>,
) -> Result<Created<Invited>, Problem> {
    let access = management.access_to_invite(&signed, org).await?;
    let made = management.invite(&access, new.email.as_deref(), new.role, once);
    let made = made.await?;
    let (secret, link) = made.thing.shown.unzip();
    let shown = Invited {
        invitation: made.thing.invitation.into(),
        secret: secret.map(|secret| secret.expose().to_owned()),
        link,
    };
    // An invitation never changes.
    Ok(Created {
        is_replayed: made.is_replayed,
        thing: Versioned(1, shown),
    })
}

/// Ends an invitation before it is used.
#[utoipa::path(delete, path = "/orgs/{org}/invitations/{id}", tag = "members",
    operation_id = "revoke_invitation",
    responses((status = 204)))]
async fn revoke(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    let access = management.access_to_invite(&signed, org).await?;
    management.revoke_invitation(&access, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Joins the organisation that you are invited to, and signs you in. The invitation works once, and
/// only for the e-mail address that it names.
#[utoipa::path(post, path = "/invitations/accept", tag = "members",
    operation_id = "accept_invitation",
    security((), ("session" = [])),
    request_body = Accept, responses((status = 200, body = Me)))]
async fn accept(
    State(management): State<Arc<Management>>,
    browser: Browser,
    signed: Option<Signed>,
    Body(body): Body<Accept>,
) -> Result<Response, Problem> {
    let acceptance = Acceptance {
        secret: body.secret.as_deref().unwrap_or_default(),
        name: body.name.as_deref(),
        password: body.password.as_deref(),
    };
    let joined = management.accept_invitation(signed.as_ref(), acceptance, &browser);
    welcome(&management, &joined.await?).await
}

impl From<Invitation> for View {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role,
            created_by: invitation.created_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}
