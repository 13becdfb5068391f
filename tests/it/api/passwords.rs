//! What a password may be, and changing it.

use http::Method;
use serde_json::json;
use tollgate::domain::role::Role;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{PASSWORD, Person};

on_both_engines!(
    a_new_password_ends_every_other_session,
    passwords_are_taken_as_they_are
);

async fn change(app: &TestApp, who: &Person, current: &str, password: &str) -> Reply {
    let body = json!({"current": current, "password": password}).to_string();
    app.ask(who, Method::POST, "/me/password", &body).await
}

async fn a_new_password_ends_every_other_session(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let ann = app.person(Role::Member).await;
    let phone = app.sign_in_as(&ann.email, PASSWORD, &[]).await;
    let phone = ann.with(phone.cookie());
    let wrong = change(&app, &ann, "not her password", "a new password").await;
    wrong.assert_problem(401, "invalid_credentials");
    let changed = change(&app, &ann, PASSWORD, "a new password").await;
    changed.assert_json(200);
    for old in [&ann, &phone] {
        app.look(old, "/me")
            .await
            .assert_problem(401, "unauthenticated");
    }
    app.look(&ann.with(changed.cookie()), "/me")
        .await
        .assert_json(200);
    let old = app.sign_in_as(&ann.email, PASSWORD, &[]).await;
    old.assert_problem(401, "invalid_credentials");
    let new = app.sign_in_as(&ann.email, "a new password", &[]).await;
    new.assert_json(200);
}

async fn passwords_are_taken_as_they_are(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let mut ann = app.person(Role::Member).await;
    let longest = "x".repeat(4096);
    let mut present = PASSWORD.to_owned();
    for password in [
        "nul \0 in its middle",
        "пароль из слов 🦀",
        " spaces around ",
        &longest,
    ] {
        let changed = change(&app, &ann, &present, password).await;
        changed.assert_json(200);
        ann = ann.with(changed.cookie());
        password.clone_into(&mut present);
        let cut: String = password
            .chars()
            .take(password.chars().count() - 1)
            .collect();
        let refused = app.sign_in_as(&ann.email, &cut, &[]).await;
        refused.assert_problem(401, "invalid_credentials");
        app.sign_in_as(&ann.email, password, &[])
            .await
            .assert_json(200);
    }
}

#[tokio::test]
async fn a_password_is_neither_short_nor_endless() {
    let app = TestApp::start().await;
    let ann = app.person(Role::Member).await;
    let (megabyte, above) = ("x".repeat(1_000_000), "x".repeat(4097));
    for bad in ["", "eleven char", &above, &megabyte] {
        let problem = change(&app, &ann, PASSWORD, bad).await;
        let problem = problem.assert_problem(400, "invalid");
        assert_eq!(problem["errors"][0]["field"], "password");
    }
    for long in [&above, &megabyte] {
        let refused = app.sign_in_as(&ann.email, long, &[]).await;
        let problem = refused.assert_problem(400, "invalid");
        assert_eq!(problem["errors"][0]["field"], "password");
    }
    let missing = app.ask(&ann, Method::POST, "/me/password", "{}").await;
    let problem = missing.assert_problem(400, "invalid");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
}
