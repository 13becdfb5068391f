//! `GET /v1/models` and `GET /v1/models/{id}`.

use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};

use super::MODELS;
use super::problem::Problem;
use super::reply::json_response;
use super::request::find_model;

/// All models.
pub(super) async fn list() -> Response {
    let data: Vec<Value> = MODELS.into_iter().map(model).collect();
    json_response(&json!({"object": "list", "data": data}))
}

/// One model.
pub(super) async fn retrieve(Path(id): Path<String>) -> Result<Response, Problem> {
    let found = find_model(&id).ok_or_else(|| Problem::model_not_found(&id))?;
    Ok(json_response(&model(found)))
}

fn model(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 1_735_689_600, "owned_by": "tollgate-sandbox"})
}
