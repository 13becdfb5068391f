//! What one-time links are used for: `/set-up`, `/session/link` and `/password/reset`. The secret is
//! in the body, because addresses are logged and remembered.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::json::Body;
use super::me::Me;
use super::session::welcome;
use crate::management::links::FirstOperator;
use crate::management::{Browser, Management, Problem};

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUp {
    /// The last part of the link that the server printed.
    #[schema(required = true)]
    secret: Option<String>,
    #[schema(required = true)]
    email: Option<String>,
    #[schema(required = true, min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(required = true, format = Password, min_length = 12, max_length = 4096)]
    password: Option<String>,
    /// The name of an organisation to begin with; you will own it.
    #[schema(min_length = 1, max_length = 100)]
    organization: Option<String>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Link {
    /// The last part of the link.
    #[schema(required = true)]
    secret: Option<String>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Reset {
    /// The last part of the link.
    #[schema(required = true)]
    secret: Option<String>,
    /// At least 12 characters.
    #[schema(required = true, format = Password, min_length = 12, max_length = 4096)]
    password: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(set_up))
        .routes(routes!(sign_in))
        .routes(routes!(reset))
}

/// Makes the first operator of an installation, by the link that the server printed, and signs them
/// in.
#[utoipa::path(post, path = "/set-up", tag = "session",
    operation_id = "set_up",
    security(()),
    request_body = SetUp, responses((status = 200, body = Me)))]
async fn set_up(
    State(management): State<Arc<Management>>,
    browser: Browser,
    Body(body): Body<SetUp>,
) -> Result<Response, Problem> {
    let first = FirstOperator {
        email: body.email.as_deref(),
        name: body.name.as_deref(),
        password: body.password.as_deref(),
        organisation: body.organization.as_deref(),
    };
    let secret = body.secret.as_deref().unwrap_or_default();
    let signed_in = management.set_up(secret, first, &browser).await?;
    welcome(&management, &signed_in).await
}

/// Signs in by a one-time link.
#[utoipa::path(post, path = "/session/link", tag = "session",
    operation_id = "sign_in_by_link",
    security(()),
    request_body = Link, responses((status = 200, body = Me)))]
async fn sign_in(
    State(management): State<Arc<Management>>,
    browser: Browser,
    Body(body): Body<Link>,
) -> Result<Response, Problem> {
    let secret = body.secret.as_deref().unwrap_or_default();
    let signed_in = management.sign_in_by_link(secret, &browser).await?;
    welcome(&management, &signed_in).await
}

/// Chooses a new password by a one-time link. Every session ends; sign in with the new password.
#[utoipa::path(post, path = "/password/reset", tag = "session",
    operation_id = "reset_password",
    security(()),
    request_body = Reset, responses((status = 204)))]
async fn reset(
    State(management): State<Arc<Management>>,
    browser: Browser,
    Body(body): Body<Reset>,
) -> Result<StatusCode, Problem> {
    let secret = body.secret.as_deref().unwrap_or_default();
    let password = body.password.as_deref();
    management
        .reset_password(secret, password, &browser)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
