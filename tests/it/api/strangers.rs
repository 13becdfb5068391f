//! Whoever is not signed in, or asks for what is not there.

use http::Method;
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::client::Reply;

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Reply {
    app.client
        .send(Method::GET, path, headers, "")
        .await
        .read()
        .await
}

#[track_caller]
fn assert_problem(reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    let problem: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        (reply.status.as_u16(), &problem["code"]),
        (status, &code.into())
    );
    assert_eq!(problem["status"], status);
    assert!(reply.header("x-request-id").is_some());
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_told_so() {
    let app = TestApp::start().await;
    let path = format!("/api/v1/orgs/{}/projects", app.organisation.id);
    let key = app.key().await;
    let key = format!("Bearer {}", key.secret);
    for credential in [
        ("authorization", "Bearer mk-nonsense"),
        ("authorization", &key),
        ("cookie", "tollgate_session=x"),
    ] {
        let reply = get(&app, &path, &[credential]).await;
        assert_problem(&reply, 401, "unauthenticated");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let app = TestApp::start().await;
    assert_problem(&get(&app, "/api/v1/nowhere", &[]).await, 404, "not_found");
    let put = app
        .client
        .send(Method::PUT, "/api/v1/orgs/x/projects", &[], "")
        .await;
    assert_problem(&put.read().await, 405, "method_not_allowed");
}
