//! The audit log as admins read it.

use http::Method;
use serde_json::json;
use tollgate::domain::role::Role;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(every_change_is_read_with_its_author_and_found_again);

async fn every_change_is_read_with_its_author_and_found_again(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let (admin, other) = (app.person(Role::Admin).await, app.token(Role::Admin).await);
    let org = app.organisation.id;
    let keys = format!("/orgs/{org}/keys");
    let made = app
        .ask(&admin, Method::POST, &keys, r#"{"name":"One"}"#)
        .await;
    let request = made.header("x-request-id").unwrap().to_owned();
    let made = made.assert_json(201);
    let id = made["key"]["id"].as_str().unwrap();
    let path = format!("{keys}/{id}");
    let change = app.ask(&other, Method::PATCH, &path, r#"{"name":"Two"}"#);
    change.await.assert_json(200);

    let path = format!("/orgs/{org}/audit");
    let of_key = format!("{path}?subject={id}");
    let log = app.look(&admin, &of_key).await.assert_json(200);
    let log = log["data"].as_array().unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0]["action"], "key.update");
    assert_eq!(
        (&log[0]["before"]["name"], &log[0]["after"]["name"]),
        (&json!("One"), &json!("Two"))
    );
    assert_eq!(log[0]["author"]["kind"], "token");
    assert_eq!(
        log[1]["author"],
        json!({"kind": "user", "id": admin.id.0, "name": admin.email})
    );
    assert_eq!(
        (&log[1]["before"], &log[1]["request_id"]),
        (&json!(null), &json!(request))
    );
    assert!(log[1]["address"].is_string());

    for (query, count) in [
        (format!("author={}", other.id), 1),
        (format!("subject={id}&action=key.create"), 1),
    ] {
        let found = app
            .look(&admin, &format!("{path}?{query}"))
            .await
            .assert_json(200);
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }
    let all = app.look(&admin, &path).await.assert_json(200);
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app
            .look(&admin, &format!("{path}?limit=2{cursor}"))
            .await
            .assert_json(200);
        pages.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(&pages, all["data"].as_array().unwrap());
}

#[tokio::test]
async fn the_log_is_for_admins() {
    let app = TestApp::start().await;
    let path = format!("/orgs/{}/audit", app.organisation.id);
    for role in [Role::Viewer, Role::Member] {
        let refused = app.look(&app.person(role).await, &path).await;
        refused.assert_problem(403, "forbidden");
    }
}
