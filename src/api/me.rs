//! `/me`: who asks, where they are signed in, and their password.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::ids::Ids;
use super::json::Body;
use super::list::{List, Part};
use super::query::Params;
use super::session::{farewell, welcome};
use crate::domain::audit::Author;
use crate::domain::role::Role;
use crate::domain::tenant::{OrganisationId, SessionId, TokenId, UserId};
use crate::domain::time::Timestamp;
use crate::management::{Browser, Management, Problem, Signed};
use crate::store::sessions::Session;

/// Who asks: a person or a token.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Me {
    /// The person; null for a token.
    user: Option<Person>,
    /// The token; null for a person.
    token: Option<Token>,
    /// What they belong to, by name.
    organizations: Vec<Place>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Person {
    id: UserId,
    email: String,
    name: String,
    /// Whether they run the installation.
    operator: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = OwnToken)]
struct Token {
    id: TokenId,
    name: String,
    /// Whether it runs the installation.
    operator: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = OwnOrganization)]
struct Place {
    id: OrganisationId,
    name: String,
    role: Role,
}

/// A sign-in that lasts.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Session)]
struct View {
    id: SessionId,
    /// Whether it is the one that asks.
    current: bool,
    /// From where it was begun.
    address: Option<String>,
    /// With which program.
    agent: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// To the minute.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The present one; needed unless there is none yet.
    #[schema(format = Password, max_length = 4096)]
    current: Option<String>,
    /// The new one: at least 12 characters.
    #[schema(required = true, format = Password, min_length = 12, max_length = 4096)]
    password: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(sessions, end_all))
        .routes(routes!(end))
        .routes(routes!(change_password))
}

/// Who asks.
#[utoipa::path(get, path = "/me", tag = "me",
    operation_id = "read_me",
    responses((status = 200, body = Me)))]
async fn me(
    State(management): State<Arc<Management>>,
    signed: Signed,
) -> Result<Json<Me>, Problem> {
    Ok(Json(Me::of(&management, &signed).await?))
}

/// Where you are signed in, last used first.
#[utoipa::path(get, path = "/me/sessions", tag = "me",
    operation_id = "list_sessions",
    params(Part), responses((status = 200, body = List<View>)))]
async fn sessions(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Params(part): Params<Part>,
) -> Result<Json<List<View>>, Problem> {
    let sessions = management.own_sessions(&signed).await?;
    let views = sessions.into_iter().map(|own| View::of(own, &signed));
    let place = |view: &View| (Reverse(view.last_seen_at.0), view.id);
    Ok(Json(List::part(views.collect(), &part, place)?))
}

/// Signs you out everywhere.
#[utoipa::path(delete, path = "/me/sessions", tag = "me",
    operation_id = "end_sessions",
    responses((status = 204)))]
async fn end_all(
    State(management): State<Arc<Management>>,
    signed: Signed,
) -> Result<Response, Problem> {
    management.end_sessions(&signed).await?;
    Ok(farewell(&management))
}

/// Signs you out of one session.
#[utoipa::path(delete, path = "/me/sessions/{id}", tag = "me",
    operation_id = "end_session",
    responses((status = 204)))]
async fn end(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(id): Ids<Uuid>,
) -> Result<Response, Problem> {
    management.end_session(&signed, id).await?;
    if signed.session == Some(SessionId(id)) {
        return Ok(farewell(&management));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Changes your password. Every session of yours ends; the answer sets the cookie of a new one.
#[utoipa::path(post, path = "/me/password", tag = "me",
    operation_id = "change_password",
    request_body = PasswordChange, responses((status = 200, body = Me)))]
async fn change_password(
    State(management): State<Arc<Management>>,
    signed: Signed,
    browser: Browser,
    Body(change): Body<PasswordChange>,
) -> Result<Response, Problem> {
    let (current, password) = (change.current.as_deref(), change.password.as_deref());
    let changed = management.change_password(&signed, current, password, &browser);
    welcome(&management, &changed.await?).await
}

impl Me {
    pub(super) async fn of(management: &Management, signed: &Signed) -> Result<Self, Problem> {
        let user = management.user(signed).await?;
        let token = match &signed.author {
            Author::Token { id, name } => Some(Token {
                id: *id,
                name: name.clone(),
                operator: signed.is_operator,
            }),
            _ => None,
        };
        let places = management.places(signed).await?;
        let places = places.into_iter().map(|own| Place {
            id: own.organisation_id,
            name: own.name,
            role: own.role,
        });
        Ok(Self {
            user: user.map(|user| Person {
                id: user.id,
                email: user.email,
                name: user.name,
                operator: user.is_operator,
            }),
            token,
            organizations: places.collect(),
        })
    }
}

impl View {
    fn of(session: Session, signed: &Signed) -> Self {
        Self {
            current: signed.session == Some(session.id),
            id: session.id,
            address: session.address,
            agent: session.agent,
            created_at: session.created_at,
            last_seen_at: session.seen_at,
            expires_at: session.expires_at,
        }
    }
}
