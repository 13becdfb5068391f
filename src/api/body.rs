//! Bodies are read whole before anything else is looked at, so that who asks and what they may is
//! proved by what holds then, however long the body took.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Refused;
use super::{Api, signed};

/// The largest body: lists of models and ids are short.
pub(crate) const LARGEST: usize = 1 << 20;

/// Reads what a request that changes something sends, in the time that is given for it.
pub(crate) async fn read_first(State(api): State<Api>, request: Request, next: Next) -> Response {
    // What is only read sends nothing that is looked at.
    if signed::is_safe(request.method()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let whole = tokio::time::timeout(api.body_timeout, to_bytes(body, LARGEST));
    let body = match whole.await {
        Ok(Ok(bytes)) => Body::from(bytes),
        Ok(Err(_)) => return Refused::TooLarge.into_response(),
        Err(_) => return Refused::Timeout.into_response(),
    };
    next.run(Request::from_parts(parts, body)).await
}
