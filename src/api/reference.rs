//! The reference: the document as a page, without scripts and without anything from elsewhere.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use crate::dashboard::assets;
use crate::dashboard::headers::PageHeaders;
use crate::management::{Management, Problem};

#[derive(Template)]
#[template(path = "pages/reference.html")]
struct Page {
    groups: Vec<Group>,
    schemas: Vec<Schema>,
}

/// The operations of one tag.
struct Group {
    tag: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    about: String,
    parameters: Vec<Parameter>,
    /// The names of the schemas of the body, if it takes one.
    body: Option<String>,
    answers: Vec<Answer>,
}

struct Parameter {
    name: String,
    place: String,
    about: String,
    schema: String,
}

struct Answer {
    status: String,
    schema: String,
}

struct Schema {
    name: String,
    text: String,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read))
}

/// This document as a page.
#[utoipa::path(get, path = "/reference", tag = "reference", operation_id = "read_reference",
    security(()), responses((status = 200, content_type = "text/html", body = String)))]
async fn read(State(management): State<Arc<Management>>) -> Result<Response, Problem> {
    let document = serde_json::to_value(super::document()).map_err(|_| Problem::Internal)?;
    let page = Page::of(&document).render();
    let mut answer = Html(page.map_err(|_| Problem::Internal)?).into_response();
    PageHeaders::of(&management.public_url).apply(&mut answer);
    Ok(answer)
}

impl Page {
    fn of(document: &Value) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (path, item) in members(document, "/paths") {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let tag = text(operation, "/tags/0");
                let operation = Operation::of(path, method, operation);
                match groups.iter_mut().find(|group| group.tag == tag) {
                    Some(group) => group.operations.push(operation),
                    None => groups.push(Group {
                        tag,
                        operations: vec![operation],
                    }),
                }
            }
        }
        let schemas = members(document, "/components/schemas");
        let schemas = schemas.map(|(name, schema)| Schema {
            name: name.clone(),
            text: serde_json::to_string_pretty(schema).unwrap_or_default(),
        });
        Self {
            groups,
            schemas: schemas.collect(),
        }
    }
}

impl Operation {
    fn of(path: &str, method: &str, operation: &Value) -> Self {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let body = operation.pointer("/requestBody/content");
        let answers = members(operation, "/responses");
        Self {
            id: text(operation, "/operationId"),
            method: method.to_uppercase(),
            path: path.to_owned(),
            about: [text(operation, "/summary"), text(operation, "/description")].join(" "),
            parameters: parameters
                .into_iter()
                .flatten()
                .map(Parameter::of)
                .collect(),
            body: body.map(content),
            answers: answers
                .map(|(status, answer)| Answer::of(status, answer))
                .collect(),
        }
    }
}

impl Parameter {
    fn of(parameter: &Value) -> Self {
        Self {
            name: text(parameter, "/name"),
            place: text(parameter, "/in"),
            about: text(parameter, "/description"),
            schema: parameter.get("schema").map(kind).unwrap_or_default(),
        }
    }
}

impl Answer {
    fn of(status: &str, answer: &Value) -> Self {
        let problem = answer.get("$ref").map(kind);
        let schema = answer.get("content").map(content);
        Self {
            status: status.to_owned(),
            schema: problem.or(schema).unwrap_or_default(),
        }
    }
}

/// What is sent: the first of its media types.
fn content(content: &Value) -> String {
    let mut kinds = content.as_object().into_iter().flatten();
    let Some((media, described)) = kinds.next() else {
        return String::new();
    };
    let schema = described.get("schema").map(kind).unwrap_or_default();
    match media.as_str() {
        "application/json" => schema,
        media => media.to_owned(),
    }
}

/// A schema in a word.
fn kind(schema: &Value) -> String {
    let name = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    if let Some(reference) = schema.as_str().or_else(|| schema.get("$ref")?.as_str()) {
        return name(reference);
    }
    if let Some(several) = schema.get("oneOf").and_then(Value::as_array) {
        return several.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let types = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => Vec::new(),
    };
    let format = schema.get("format").and_then(Value::as_str);
    let format = format.map(|format| format!(" ({format})"));
    format!("{}{}", types.join(" or "), format.unwrap_or_default())
}

fn members<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let members = value.pointer(pointer).and_then(Value::as_object);
    members.into_iter().flat_map(Map::iter)
}

fn text(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
