//! The frame of the API's document (`OpenAPI`): what it is called, how callers prove themselves, and what
//! every operation may answer besides.

use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, Ref, RefOr};

use super::cookie::COOKIE;
use super::problem::Details;

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

/// What the routes are added to.
pub(super) fn frame() -> OpenApi {
    Frame::openapi()
}

/// Adds what every operation has in common.
pub(super) fn finish(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE)));
    components.add_security_scheme("token", token);
    components.add_security_scheme("session", session);
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            may_fail(operation);
        }
    }
    document
}

fn may_fail(operation: &mut Operation) {
    let problem = Ref::from_response_name("Problem");
    let responses = &mut operation.responses.responses;
    responses
        .entry("default".to_owned())
        .or_insert(RefOr::Ref(problem));
}
