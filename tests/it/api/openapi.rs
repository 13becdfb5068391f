//! The document: as committed, whole, and to be read without anything else.

use std::collections::HashSet;

use serde_json::Value;
use tollgate::api;

use crate::support::app::TestApp;
use crate::support::people::Nobody;

pub fn document() -> Value {
    serde_json::from_str(&api::document_text()).unwrap()
}

/// Method and path of everything that the router serves.
pub fn operations() -> Vec<(String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

/// All values of `name`, however deep.
fn find<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name));
            members.values().for_each(|value| find(value, name, found));
        }
        Value::Array(values) => values.iter().for_each(|value| find(value, name, found)),
        _ => {}
    }
}

#[test]
fn the_committed_document_is_the_one_that_the_routes_make() {
    let committed = include_str!("../../../docs/openapi.json");
    let is_same = committed == api::document_text();
    assert!(is_same, "run `cargo run -- openapi > docs/openapi.json`");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = Vec::new();
    find(&document, "$ref", &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
    let document = document();
    let mut names = HashSet::new();
    for (method, path) in operations() {
        let operation = &document["paths"][&path][method.to_lowercase()];
        let name = operation["operationId"].as_str().unwrap();
        assert!(
            names.insert(name.to_owned()),
            "{name} twice: {method} {path}"
        );
        assert!(operation["summary"].is_string(), "{method} {path}");
        let answers = operation["responses"].as_object().unwrap().iter();
        for (status, answer) in answers.filter(|(status, _)| *status != "default") {
            assert!(
                answer["description"].is_string(),
                "{status}: {method} {path}"
            );
        }
        assert!(
            operation["responses"]["default"].is_object(),
            "{method} {path}"
        );
        let parameters = operation["parameters"].as_array();
        let in_path = parameters
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path");
        assert_eq!(
            in_path.count(),
            path.matches('{').count(),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn document_and_reference_are_served_to_everybody() {
    let app = TestApp::start().await;
    let served = app.look(&Nobody, "/openapi.json").await;
    assert_eq!(served.assert_json(200), document());
    let page = app.look(&Nobody, "/reference").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.header("content-security-policy").is_some());
    let page = page.text();
    for (method, path) in operations() {
        assert!(
            page.contains(&format!("<code>{method} {path}</code>")),
            "{method} {path}"
        );
    }
    for elsewhere in ["http://", "https://", "<script>", "style="] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}
