//! The audit log as admins read it.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{Asker, PASSWORD};

on_both_engines!(
    every_change_is_read_with_its_author_and_found_again,
    operators_read_what_concerns_the_installation_and_nothing_of_tenants,
    sign_ins_are_written_down_and_guessing_does_not_fill_the_log,
);

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

/// The changes that `who` reads at `path`, newest first.
async fn log(app: &TestApp, who: &dyn Asker, path: &str) -> Vec<Value> {
    let log = app.look(who, path).await.assert_json(200);
    log["data"].as_array().unwrap().clone()
}

async fn operators_read_what_concerns_the_installation_and_nothing_of_tenants(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let (operator, admin) = (app.operator().await, app.person(Role::Admin).await);
    let keys = format!("/orgs/{}/keys", app.organisation.id);
    let made = app.ask(&admin, Method::POST, &keys, r#"{"name":"One"}"#);
    made.await.assert_json(201);
    let org = format!("/orgs/{}", app.organisation.id);
    let suspended = app.ask(&operator, Method::PATCH, &org, r#"{"status":"suspended"}"#);
    suspended.await.assert_json(200);
    let kinds = ["user", "organisation", "link", "token"];
    let all = log(&app, &operator, "/audit?limit=200").await;
    for change in &all {
        let kind = change["subject"]["kind"].as_str().unwrap();
        assert!(kinds.contains(&kind), "{change}");
    }
    assert_eq!(all[0]["action"], "organisation.update");
    assert_eq!(all[0]["after"]["status"], "suspended");
    assert!(all.iter().any(|change| change["action"] == "user.create"));
    let one = log(&app, &operator, "/audit?limit=1").await;
    assert_eq!(one, all[..1]);
}

async fn sign_ins_are_written_down_and_guessing_does_not_fill_the_log(test: TestDb) {
    let clock = Clock::fixed(Clock::default().now());
    let app = TestApp::at(clock.clone(), test, Provider::honest().await, "").await;
    let (operator, ann) = (app.operator().await, app.stranger().await);
    let own = format!("/audit?subject={}&action=user.sign_in", ann.id);
    let before = log(&app, &operator, &own).await.len();
    for _ in 0..3 {
        app.sign_in_as(&ann.email, PASSWORD, &[])
            .await
            .assert_json(200);
    }
    let written = log(&app, &operator, &own).await;
    assert_eq!(written.len(), before + 1, "once a minute");
    assert_eq!(written[0]["author"]["id"], json!(ann.id.0));
    assert_eq!(written[0]["address"], "127.0.0.1");

    for _ in 0..9 {
        // Each after the wait that the one before earned.
        clock.advance(Duration::from_mins(1));
        let wrong = app
            .sign_in_as("bob@example.com", "not his password", &[])
            .await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    let failed = log(&app, &operator, "/audit?action=user.sign_in_failed").await;
    let counts: Vec<_> = failed
        .iter()
        .map(|row| row["after"]["failures"].as_u64())
        .collect();
    assert_eq!(counts, [Some(8), Some(4), Some(2), Some(1)]);
    assert_eq!(failed[0]["after"]["throttled_seconds"], 8);
    assert_eq!(failed[0]["after"]["reason"], "unknown");
    assert_eq!(failed[0]["author"]["kind"], "stranger");
    let subject = json!({"kind": "user", "id": null, "name": "bob@example.com"});
    assert_eq!(failed[0]["subject"], subject);

    clock.advance(Duration::from_mins(1));
    app.sign_in_as(&ann.email, "not her password", &[]).await;
    let known = format!("/audit?subject={}&action=user.sign_in_failed", ann.id);
    let known = log(&app, &operator, &known).await;
    assert_eq!(known[0]["after"]["reason"], "wrong_password");
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
