//! Management tokens: shown once, never above or beyond whoever makes them, and dead when revoked.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{Asker, TestToken};

on_both_engines!(a_token_is_shown_once_and_dies_when_revoked);

fn path(app: &TestApp) -> String {
    format!("/orgs/{}/tokens", app.organisation.id)
}

async fn make(app: &TestApp, who: &dyn Asker, body: Value) -> Reply {
    app.ask(who, Method::POST, &path(app), &body.to_string())
        .await
}

async fn a_token_is_shown_once_and_dies_when_revoked(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let admin = app.person(Role::Admin).await;
    let made = make(&app, &admin, json!({"name": "CI", "role": "member"})).await;
    let made = made.assert_json(201);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("mk-"));
    assert_eq!(made["token"]["created_by"], admin.email.as_str());
    let token = TestToken::of(secret);
    app.look(&token, "/me").await.assert_json(200);
    let listed = app.look(&admin, &path(&app)).await;
    let first = listed.assert_json(200)["data"][0].clone();
    assert_eq!(
        (&first["id"], &first["display"]),
        (&made["token"]["id"], &made["token"]["display"])
    );
    assert!(first["last_used_at"].is_string());
    assert!(!String::from_utf8_lossy(&listed.body).contains(secret));

    let one = format!("{}/{}", path(&app), first["id"].as_str().unwrap());
    let other = app.token_of(Some((
        app.another_organisation("Other").await.id,
        Role::Owner,
    )));
    let foreign = app.ask(&other.await, Method::DELETE, &one, "").await;
    foreign.assert_problem(404, "not_found");
    assert_eq!(app.ask(&admin, Method::DELETE, &one, "").await.status, 204);
    app.look(&token, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    app.ask(&admin, Method::DELETE, &one, "")
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_token_calls_no_model_and_a_key_manages_nothing() {
    let app = TestApp::start().await;
    let token = app.token(Role::Owner).await;
    assert_eq!(app.client.chat(&token.secret).await.status, 401);
    assert!(app.sent().is_empty());
    let key = TestToken::of(&app.key().await.secret);
    app.look(&key, "/me")
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn nobody_makes_a_token_above_themselves() {
    let app = TestApp::start().await;
    for own in [Role::Viewer, Role::Member] {
        let refused = make(
            &app,
            &app.token(own).await,
            json!({"name": "t", "role": "viewer"}),
        )
        .await;
        refused.assert_problem(403, "forbidden");
        let hidden = app.look(&app.person(own).await, &path(&app)).await;
        hidden.assert_problem(403, "forbidden");
    }
    for asker in [
        &app.token(Role::Admin).await as &dyn Asker,
        &app.person(Role::Admin).await,
    ] {
        let refused = make(&app, asker, json!({"name": "t", "role": "owner"})).await;
        assert_eq!(
            refused.assert_problem(400, "invalid")["errors"][0]["field"],
            "role"
        );
        make(&app, asker, json!({"name": "t", "role": "admin"}))
            .await
            .assert_json(201);
        for field in ["operator", "organisation_id", "id", "hash"] {
            let body = json!({"name": "t", "role": "viewer", field: null});
            make(&app, asker, body).await.assert_problem(400, "invalid");
        }
    }
    let owners = app.token(Role::Owner).await;
    let one = format!("{}/{}", path(&app), owners.id);
    let refused = app
        .ask(&app.token(Role::Admin).await, Method::DELETE, &one, "")
        .await;
    refused.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_token_ends_when_it_says_and_makes_none_that_outlives_it() {
    let clock = Clock::fixed(Clock::default().now());
    let database = TestDb::sqlite().await;
    let app = TestApp::at(clock.clone(), database, Provider::honest().await, "").await;
    let (now, day) = (clock.now(), Duration::from_hours(24));
    let admin = app.person(Role::Admin).await;
    let expired = json!({"name": "t", "role": "admin", "expires_at": now});
    let refused = make(&app, &admin, expired)
        .await
        .assert_problem(400, "invalid");
    assert_eq!(refused["errors"][0]["field"], "expires_at");
    let ends =
        |after: Duration| json!({"name": "t", "role": "admin", "expires_at": now.plus(after)});
    let made = make(&app, &admin, ends(day)).await.assert_json(201);
    let token = TestToken::of(made["secret"].as_str().unwrap());
    for longer in [json!({"name": "t", "role": "admin"}), ends(day * 2)] {
        make(&app, &token, longer)
            .await
            .assert_problem(400, "invalid");
    }
    make(&app, &token, ends(day)).await.assert_json(201);
    clock.advance(day);
    app.look(&token, "/me")
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn every_faulty_field_is_named() {
    let app = TestApp::start().await;
    let body = json!({"name": "", "role": "emperor", "expires_at": "tomorrow", "x": 1});
    let refused = make(&app, &app.token(Role::Admin).await, body).await;
    let problem = refused.assert_problem(400, "invalid");
    let mut fields: Vec<_> = problem["errors"].as_array().unwrap().iter().collect();
    fields.sort_by_key(|fault| fault["field"].to_string());
    let fields: Vec<_> = fields.iter().map(|fault| &fault["field"]).collect();
    assert_eq!(fields, ["expires_at", "role", "x"]);
}

#[tokio::test]
async fn only_operators_make_tokens_of_the_operator() {
    let app = TestApp::start().await;
    let body = r#"{"name":"ops"}"#;
    let (owner, operator) = (app.person(Role::Owner).await, app.operator().await);
    let refused = app.ask(&owner, Method::POST, "/tokens", body).await;
    refused.assert_problem(403, "forbidden");
    let made = app
        .ask(&operator, Method::POST, "/tokens", body)
        .await
        .assert_json(201);
    let token = TestToken::of(made["secret"].as_str().unwrap());
    let me = app.look(&token, "/me").await.assert_json(200);
    assert_eq!(me["token"]["operator"], true);
    app.look(&token, &path(&app))
        .await
        .assert_problem(404, "not_found");
    let one = format!("/tokens/{}", made["token"]["id"].as_str().unwrap());
    app.ask(&owner, Method::DELETE, &one, "")
        .await
        .assert_problem(403, "forbidden");
    assert_eq!(
        app.ask(&operator, Method::DELETE, &one, "").await.status,
        204
    );
    app.look(&token, "/me")
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn asking_twice_under_a_name_makes_one_token_and_shows_its_secret_once() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let name = [("idempotency-key", "once")];
    let path = path(&app);
    let body = r#"{"name":"CI","role":"viewer"}"#;
    let first = app.ask_with(&admin, Method::POST, &path, &name, body);
    let first = first.await.assert_json(201);
    let again = app.ask_with(&admin, Method::POST, &path, &name, body);
    let again = again.await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let again = again.assert_json(200);
    assert_eq!(again["token"]["id"], first["token"]["id"]);
    assert_eq!(again["secret"], json!(null));
    let other = r#"{"name":"CD","role":"viewer"}"#;
    let reused = app.ask_with(&admin, Method::POST, &path, &name, other);
    reused.await.assert_problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn nothing_lasts_longer_than_a_time_can_be_written() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let far = "9999-01-01T00:00:01Z";
    let token = json!({"name": "CI", "role": "member", "expires_at": far});
    make(&app, &admin, token)
        .await
        .assert_problem(400, "invalid");
    let keys = format!("/orgs/{}/keys", app.organisation.id);
    let body = json!({"name": "far", "expires_at": far}).to_string();
    let made = app.ask(&admin, Method::POST, &keys, &body).await;
    made.assert_problem(400, "invalid");
    let body = body.replace(far, "9999-01-01T00:00:00Z");
    let made = app.ask(&admin, Method::POST, &keys, &body).await;
    let id = made.assert_json(201)["key"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (one, change) = (
        format!("{keys}/{id}"),
        json!({"expires_at": far}).to_string(),
    );
    let changed = app.ask(&admin, Method::PATCH, &one, &change).await;
    changed.assert_problem(400, "invalid");
}
