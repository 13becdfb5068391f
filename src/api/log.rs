//! One line for every request, by its route's template: a path may hold a one-time link.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use uuid::Uuid;

use super::Api;
use super::origin::RequestId;
use crate::management::Problem;
use axum::response::IntoResponse;

pub(crate) async fn log(State(_): State<Api>, mut request: Request, next: Next) -> Response {
    let (id, began) = (Uuid::now_v7(), Instant::now());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "-".to_owned(), |route| route.as_str().to_owned());
    let method = request.method().clone();
    request.extensions_mut().insert(RequestId(id));
    let answering = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind();
    let answer = answering.await;
    let mut answer = answer.unwrap_or_else(|_| Problem::Internal.into_response());
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-request-id", id.clone());
        headers.insert("request-id", id);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    let status = answer.status().as_u16();
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%id, %method, route, status, duration_ms, "request");
    answer
}
