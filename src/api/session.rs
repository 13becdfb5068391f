//! `/session`: signing in and out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json::Body;
use super::me::Me;
use super::{Api, cookie};
use crate::management::{Browser, Management, Problem, Signed, SignedIn};

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// In any case.
    #[schema(required = true)]
    email: Option<String>,
    #[schema(required = true, format = Password, max_length = 4096)]
    password: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(sign_in, sign_out))
}

/// Signs in. The answer sets the session's cookie.
///
/// Who has no account and whose password is wrong get the same answer. After a few wrong passwords
/// each next try has to wait, a minute at most.
#[utoipa::path(post, path = "/session", tag = "session",
    operation_id = "sign_in",
    security(()),
    request_body = SignIn, responses((status = 200, body = Me)))]
async fn sign_in(
    State(management): State<Arc<Management>>,
    browser: Browser,
    Body(proof): Body<SignIn>,
) -> Result<Response, Problem> {
    let (email, password) = (proof.email.as_deref(), proof.password.as_deref());
    let signed_in = management.sign_in(email, password, &browser).await?;
    welcome(&management, &signed_in).await
}

/// Signs out: the session ends everywhere at once.
#[utoipa::path(delete, path = "/session", tag = "session",
    operation_id = "sign_out",
    responses((status = 204)))]
async fn sign_out(
    State(management): State<Arc<Management>>,
    signed: Signed,
) -> Result<Response, Problem> {
    management.sign_out(&signed).await?;
    Ok(farewell(&management))
}

/// Who just signed in, with their cookie.
pub(super) async fn welcome(
    management: &Management,
    signed_in: &SignedIn,
) -> Result<Response, Problem> {
    let me = Me::of(management, &signed_in.signed).await?;
    let given = cookie::give(&management.public_url, signed_in.secret.expose());
    let cookies = AppendHeaders(given.map(|cookie| (SET_COOKIE, cookie)));
    Ok((cookies, Json(me)).into_response())
}

/// Nobody any more.
pub(super) fn farewell(management: &Management) -> Response {
    let taken = cookie::take(&management.public_url);
    let cookies = AppendHeaders(taken.map(|cookie| (SET_COOKIE, cookie)));
    (StatusCode::NO_CONTENT, cookies).into_response()
}
