//! `/orgs/{org}/tokens`, and `/tokens` for the operator's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::creation::{self, Creation};
use super::etag::Versioned;
use super::ids::Ids;
use super::list::{List, Part};
use super::query::Params;
use crate::domain::role::Role;
use crate::domain::tenant::TokenId;
use crate::domain::time::Timestamp;
use crate::management::tokens::{MadeToken, TokenWish};
use crate::management::{Made, Management, Problem, Signed};
use crate::store::tokens::Token;

/// A management token without its secret.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Token)]
struct View {
    id: TokenId,
    name: String,
    /// The secret as it may be shown.
    display: String,
    /// What it may do; null for the operator's.
    role: Option<Role>,
    /// Who made it.
    created_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// To the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

/// A new token, with the secret that is shown this once.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = CreatedToken)]
struct Created {
    token: View,
    /// Null in the answer to a repeated request (`Idempotency-Key`).
    secret: Option<String>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = NewToken)]
#[serde(deny_unknown_fields)]
struct Create {
    #[schema(required = true, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// What it may do: at most what you may.
    #[schema(required = true)]
    role: Option<Role>,
    /// Never, unless given. A token makes none that outlives it.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = NewOperatorToken)]
#[serde(deny_unknown_fields)]
struct CreateOperators {
    #[schema(required = true, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Never, unless given. A token makes none that outlives it.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
        .routes(routes!(list_operators, create_operators))
        .routes(routes!(revoke_operators))
}

/// An organisation's tokens, by name.
#[utoipa::path(get, path = "/orgs/{org}/tokens", tag = "tokens",
    operation_id = "list_tokens",
    params(Part), responses((status = 200, body = List<View>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(part): Params<Part>,
) -> Result<Json<List<View>>, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    View::list(management.tokens(&access).await?, &part)
}

/// Makes a token. Its secret is shown this once.
#[utoipa::path(post, path = "/orgs/{org}/tokens", tag = "tokens",
    operation_id = "create_token",
    request_body = Create, responses((status = 201, body = Created), (status = 200, body = Created)))]
async fn create(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Creation { once, body: new }: Creation<Create>,
) -> Result<creation::Created<Created>, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    let wish = TokenWish {
        name: new.name,
        role: new.role,
        expires_at: new.expires_at,
    };
    let made = management.create_token(&access, wish, once).await?;
    Ok(made.into())
}

/// Revokes a token at once.
#[utoipa::path(delete, path = "/orgs/{org}/tokens/{id}", tag = "tokens",
    operation_id = "revoke_token",
    responses((status = 204)))]
async fn revoke(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    let access = management.access(&signed, org, Role::Admin)?;
    management.revoke_token(&access, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The operator's tokens, by name.
#[utoipa::path(get, path = "/tokens", tag = "tokens",
    operation_id = "list_operator_tokens",
    params(Part), responses((status = 200, body = List<View>)))]
async fn list_operators(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Params(part): Params<Part>,
) -> Result<Json<List<View>>, Problem> {
    View::list(management.operator_tokens(&signed).await?, &part)
}

/// Makes a token that runs the installation. Its secret is shown this once.
#[utoipa::path(post, path = "/tokens", tag = "tokens",
    operation_id = "create_operator_token",
    request_body = CreateOperators, responses((status = 201, body = Created), (status = 200, body = Created)))]
async fn create_operators(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Creation { once, body: new }: Creation<CreateOperators>,
) -> Result<creation::Created<Created>, Problem> {
    let wish = TokenWish {
        name: new.name,
        role: None,
        expires_at: new.expires_at,
    };
    let made = management.create_operator_token(&signed, wish, once);
    Ok(made.await?.into())
}

/// Revokes a token of the operator at once.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens",
    operation_id = "revoke_operator_token",
    responses((status = 204)))]
async fn revoke_operators(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(id): Ids<Uuid>,
) -> Result<StatusCode, Problem> {
    management.revoke_operator_token(&signed, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl View {
    fn list(tokens: Vec<Token>, part: &Part) -> Result<Json<List<Self>>, Problem> {
        let views = tokens.into_iter().map(Self::from).collect();
        let list = List::part(views, part, |view: &Self| (view.name.clone(), view.id))?;
        Ok(Json(list))
    }
}

impl From<Token> for View {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            display: token.display,
            role: token.role,
            created_by: token.created_by,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
        }
    }
}

impl From<Made<MadeToken>> for creation::Created<Created> {
    fn from(made: Made<MadeToken>) -> Self {
        let MadeToken { token, secret } = made.thing;
        let shown = Created {
            secret: secret.map(|secret| secret.expose().to_owned()),
            token: token.into(),
        };
        // A token never changes.
        Self {
            is_replayed: made.is_replayed,
            thing: Versioned(1, shown),
        }
    }
}
