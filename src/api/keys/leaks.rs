//! `/keys/revoke-leaked`.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::json::Body;
use crate::management::{Faults, Management, Origin, Problem};

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[schema(as = LeakedKey)]
#[serde(deny_unknown_fields)]
struct Leaked {
    /// The whole key.
    #[schema(required = true, value_type = String)]
    #[serde(default, deserialize_with = "secret")]
    key: Option<SecretString>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(revoke))
}

/// Disables a key that leaked, at once. Whoever holds it may; the answer never tells whether there is
/// such a key.
#[utoipa::path(post, path = "/keys/revoke-leaked", tag = "keys",
    operation_id = "revoke_leaked_key", security(()),
    request_body = Leaked, responses((status = 204)))]
async fn revoke(
    State(management): State<Arc<Management>>,
    origin: Origin,
    Body(leaked): Body<Leaked>,
) -> Result<StatusCode, Problem> {
    let mut faults = Faults::default();
    if leaked.key.is_none() {
        faults.add("key", "is required");
    }
    faults.check()?;
    let key = leaked.key.unwrap_or_default();
    management
        .revoke_leaked(key.expose_secret(), origin)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Not by serde's own way, whose errors show what they do not understand.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let text = Option::<String>::deserialize(deserializer);
    let text = text.map_err(|_| serde::de::Error::custom("a key is text"))?;
    Ok(text.map(SecretString::from))
}
