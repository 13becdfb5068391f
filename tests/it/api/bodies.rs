//! Bodies: who sends one that is large, slow or full of mistakes gets a short answer in time, and what
//! ended while it was on its way has ended.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate::domain::role::Role;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::TestDb;
use crate::support::people::{Asker, Nobody};

const IMPATIENT: &str = "[server]\nbody_timeout = \"400ms\"";

async fn impatient() -> TestApp {
    TestApp::with(TestDb::sqlite().await, Provider::honest().await, IMPATIENT).await
}

/// A request's head, for a body of `length` bytes.
fn head(who: &dyn Asker, path: &str, kind: &str, length: usize) -> String {
    let own = who.headers().into_iter();
    let own = own.map(|(name, value)| format!("{name}: {value}\r\n"));
    let own = own.collect::<Vec<_>>().concat();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{own}Content-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Sends all but the last byte of `body`, and that after `meanwhile`.
async fn held_back(
    app: &TestApp,
    (who, path, kind): (&dyn Asker, &str, &str),
    body: &str,
    meanwhile: impl Future<Output = ()>,
) -> Reply {
    let mut socket = app.client.connect().await;
    let (begin, end) = body.split_at(body.len() - 1);
    let begin = head(who, path, kind, body.len()) + begin;
    socket.write_all(begin.as_bytes()).await.unwrap();
    // Until its head is read.
    tokio::time::sleep(Duration::from_millis(300)).await;
    meanwhile.await;
    socket.write_all(end.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    Reply::parse(&answer)
}

/// An object `depth` deep, with `count` fields at the end.
fn nested(depth: usize, count: usize) -> String {
    let fields: Vec<_> = (0..count).map(|one| format!("\"x{one}\":0")).collect();
    let (before, after) = ("{\"a\":".repeat(depth), "}".repeat(depth));
    format!("{before}{{{}}}{after}", fields.join(","))
}

#[tokio::test]
async fn a_body_full_of_mistakes_is_answered_in_short() {
    let app = TestApp::start().await;
    for (body, faults) in [(nested(60, 1000), 1), (nested(0, 1000), 64)] {
        let refused = app.ask(&Nobody, Method::POST, "/session", &body).await;
        let problem = refused.assert_problem(400, "invalid");
        assert_eq!(problem["errors"].as_array().unwrap().len(), faults);
    }
    let key = app.token(Role::Admin).await;
    let many: Vec<_> = (0..1000).map(|one| format!("x{one}=0")).collect();
    let path = format!("/orgs/{}/keys?{}", app.organisation.id, many.join("&"));
    let refused = app.look(&key, &path).await.assert_problem(400, "invalid");
    assert_eq!(refused["errors"].as_array().unwrap().len(), 64);
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_changes_nothing() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let org = format!("/orgs/{}", app.organisation.id);
    let tokens = format!("{org}/tokens");
    let twice = r#"{"name":"t","role":"viewer","role":"owner"}"#;
    let refused = app.ask(&owner, Method::POST, &tokens, twice).await;
    let problem = refused.assert_problem(400, "invalid");
    let message = problem["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("`role` stands there twice"),
        "{message}"
    );
    assert_eq!(app.look(&owner, &tokens).await.json()["data"], json!([]));

    let key = format!("{org}/keys/{}", app.key().await.id);
    for (body, field) in [
        (r#"{"limits":[7]}"#, "limits"),
        (r#"{"limits":{"quota":["tokens",9,"day"]}}"#, "limits.quota"),
        (r#"{"limits":{"budget":["9","day"]}}"#, "limits.budget"),
    ] {
        let refused = app.ask(&owner, Method::PATCH, &key, body).await;
        let problem = refused.assert_problem(400, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    assert_eq!(app.look(&owner, &key).await.json()["version"], 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_timeout() {
    let app = impatient().await;
    let session = app
        .client
        .raw(head(&Nobody, "/api/v1/session", JSON, 500) + "{\"email\"")
        .await;
    Reply::parse(&session).assert_problem(408, "request_timeout");
    let form = app
        .client
        .raw(head(&Nobody, "/sign-in", FORM, 500) + "email=")
        .await;
    let form = Reply::parse(&form);
    assert_eq!(form.status, 408);
    assert!(form.text().contains("That took too long"), "{form:?}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let app = TestApp::start().await;
    let large = format!("{{\"email\":\"{}\"}}", "x".repeat(1 << 20));
    let refused = app.ask(&Nobody, Method::POST, "/session", &large).await;
    refused.assert_problem(413, "request_too_large");
}

#[tokio::test]
async fn of_many_faulty_models_no_more_is_told_than_of_many_faulty_fields() {
    let app = TestApp::start().await;
    let admin = app.token(Role::Admin).await;
    let path = format!("/orgs/{}/keys", app.organisation.id);
    let body = json!({"name": "many", "models": vec![" "; 100_000]}).to_string();
    let refused = app.ask(&admin, Method::POST, &path, &body).await;
    let refused = refused.assert_problem(400, "invalid");
    assert_eq!(refused["errors"].as_array().unwrap().len(), 64);
}

#[tokio::test]
async fn a_token_that_ended_while_the_body_came_writes_nothing() {
    let app = TestApp::start().await;
    let (owner, token) = (app.person(Role::Owner).await, app.token(Role::Admin).await);
    let path = format!("/api/v1/orgs/{}/projects", app.organisation.id);
    let revoke = async {
        let tokens = format!("/orgs/{}/tokens", app.organisation.id);
        let listed = app.look(&owner, &tokens).await.assert_json(200);
        let id = listed["data"][0]["id"].as_str().unwrap();
        let one = format!("{tokens}/{id}");
        let gone = app.ask(&owner, Method::DELETE, &one, "").await;
        assert_eq!(gone.status, 204);
    };
    let asked = (&token as &dyn Asker, path.as_str(), JSON);
    let refused = held_back(&app, asked, r#"{"name":"Late"}"#, revoke).await;
    refused.assert_problem(401, "unauthenticated");
    assert!(!has_project(&app, &owner, "Late").await);
}

#[tokio::test]
async fn a_member_removed_while_the_form_came_writes_nothing() {
    let app = TestApp::start().await;
    let (owner, admin) = (app.person(Role::Owner).await, app.person(Role::Admin).await);
    let remove = async {
        let member = format!("/orgs/{}/members/{}", app.organisation.id, admin.id);
        let gone = app.ask(&owner, Method::DELETE, &member, "").await;
        assert_eq!(gone.status, 204);
    };
    let path = format!("/orgs/{}/projects/new", app.organisation.id);
    let asked = (&admin as &dyn Asker, path.as_str(), FORM);
    let body = "name=Late&model_access=all&quota=10";
    let refused = held_back(&app, asked, body, remove).await;
    assert!(!has_project(&app, &owner, "Late").await, "{refused:?}");
}

async fn has_project(app: &TestApp, who: &dyn Asker, name: &str) -> bool {
    let path = format!("/orgs/{}/projects", app.organisation.id);
    let listed = app.look(who, &path).await.assert_json(200);
    let mut all = listed["data"].as_array().unwrap().iter();
    all.any(|project: &Value| project["name"] == name)
}
