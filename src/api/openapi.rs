//! The OpenAPI document: what it is called, how callers prove themselves, and what every operation
//! has in common. It is made from the routes, so that it cannot name one that is not there.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, Content, OpenApi, Ref, RefOr, Response as Described, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::cookie::COOKIE;
use super::problem::Details;

mod parameters;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tollgate management API",
        description = "Organisations, projects, keys, usage and people of a Tollgate installation.",
    ),
    components(schemas(Details)),
    servers((url = "/api/v1")),
    security(("token" = []), ("session" = []))
)]
struct Frame;

/// The document as it is served and printed.
static TEXT: LazyLock<String> = LazyLock::new(text);

/// What the routes are added to.
pub(super) fn frame() -> OpenApi {
    Frame::openapi()
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "reference", operation_id = "read_openapi",
    security(()), responses((status = 200, body = Object)))]
async fn read() -> Response {
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

/// The document as text.
pub(super) fn text() -> String {
    let text = super::document().to_pretty_json();
    // A document of texts and numbers always serialises.
    format!("{}\n", text.unwrap_or_default())
}

/// Adds what every operation has in common.
pub(super) fn finish(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE)));
    components.add_security_scheme("token", token);
    components.add_security_scheme("session", session);
    let responses = &mut components.responses;
    responses.insert("Problem".to_owned(), RefOr::T(problem()));
    for (path, item) in &mut document.paths.paths {
        let has_versions = item.patch.is_some();
        let operations = [
            (&mut item.get, false),
            (&mut item.post, false),
            (&mut item.patch, has_versions),
            (&mut item.delete, has_versions),
        ];
        for (operation, is_change) in operations {
            if let Some(operation) = operation {
                parameters::complete(operation, path, is_change);
                may_fail(operation);
            }
        }
    }
    document
}

fn may_fail(operation: &mut Operation) {
    let problem = Ref::from_response_name("Problem");
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = reason(status);
        }
    }
    responses
        .entry("default".to_owned())
        .or_insert(RefOr::Ref(problem));
}

/// What a status says: every answer must be described.
fn reason(status: &str) -> String {
    let status = StatusCode::from_bytes(status.as_bytes()).ok();
    let reason = status.and_then(|status| status.canonical_reason());
    reason.unwrap_or("Answer").to_owned()
}

fn problem() -> Described {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description("What is wrong (RFC 9457); `code` is stable")
        .content("application/problem+json", Content::new(Some(schema)))
        .build()
}
