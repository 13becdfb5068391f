//! Organisations and projects.

use serde_json::json;

use super::{Installation, id, names};

#[test]
fn an_organisation_is_created_listed_and_changed() {
    let tollgate = Installation::new();
    let created = tollgate.json(&["org", "create", "Acme", "--rpm", "5"]);
    assert_eq!(created["limits"]["requests_per_minute"], 5);
    assert_eq!(created["status"], "active");
    assert_eq!(names(&tollgate.json(&["org", "list"])), ["Acme"]);

    let changed = [
        "org",
        "update",
        &id(&created),
        "--name",
        "Bolt",
        "--status",
        "suspended",
    ];
    let changed = tollgate.json(&changed);
    assert_eq!(changed["status"], "suspended");
    assert_eq!(changed["limits"]["requests_per_minute"], 5);

    let limited = tollgate.json(&["org", "update", "Bolt", "--rpm", "none", "--quota", "7"]);
    assert_eq!(limited["limits"]["requests_per_minute"], json!(null));
    let quota = json!({"unit": "tokens", "amount": 7, "period": "none"});
    assert_eq!(limited["limits"]["quota"], quota);
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    tollgate.organisation("Bolt");
    for line in [
        &["org", "create", "Acme"][..],
        &["org", "update", "Bolt", "--name", "Acme"],
        &["project", "create", "--org", "Acme", "--name", "Default"],
    ] {
        assert!(tollgate.failure(1, line).contains("exists"));
    }
}

#[test]
fn a_project_is_created_changed_and_deleted() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    let project = |verb: &'static str, rest: &[&str]| {
        let line = [&["project", verb], rest, &["--org", "Acme"]].concat();
        tollgate.json(&line)
    };
    let created = project("create", &["--name", "Web", "--models", "gpt-*, o3"]);
    assert_eq!(created["models"], json!(["gpt-*", "o3"]));
    assert_eq!(
        project("update", &["Web", "--models", ""])["models"],
        json!([])
    );
    let changed = project("update", &["Web", "--models", "all", "--tpm", "9"]);
    assert_eq!(changed["models"], json!(null));
    assert_eq!(changed["limits"]["tokens_per_minute"], 9);
    assert_eq!(names(&project("list", &[])), ["Default", "Web"]);
    let deleted = project("delete", &["Web"]);
    assert_eq!(deleted, json!({"id": created["id"], "deleted": true}));
    assert_eq!(names(&project("list", &[])), ["Default"]);
}

#[test]
fn a_project_with_keys_is_not_deleted() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    tollgate.json(&["project", "create", "--org", "Acme", "--name", "Web"]);
    tollgate.json(&[
        "key",
        "create",
        "--org",
        "Acme",
        "--name",
        "k",
        "--project",
        "Web",
    ]);
    let line = tollgate.failure(1, &["project", "delete", "Web", "--org", "Acme"]);
    assert!(line.contains("keys"), "{line}");
}

#[test]
fn a_project_of_another_organisation_is_not_there() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    tollgate.organisation("Bolt");
    let web = tollgate.json(&["project", "create", "--org", "Acme", "--name", "Web"]);
    let line = tollgate.failure(1, &["project", "delete", &id(&web), "--org", "Bolt"]);
    assert!(line.contains("no project"), "{line}");
    let line = [
        "key",
        "create",
        "--org",
        "Bolt",
        "--name",
        "k",
        "--project",
        &id(&web),
    ];
    assert!(tollgate.failure(1, &line).contains("no project"));
}
