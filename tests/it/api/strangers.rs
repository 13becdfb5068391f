//! Whoever is not signed in, or asks for what is not there.

use http::Method;
use tollgate::domain::role::Role;

use crate::support::app::TestApp;
use crate::support::client::Reply;

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Reply {
    app.client
        .send(Method::GET, path, headers, "")
        .await
        .read()
        .await
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
        reply.assert_problem(401, "unauthenticated");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let app = TestApp::start().await;
    let nowhere = get(&app, "/api/v1/nowhere", &[]).await;
    nowhere.assert_problem(404, "not_found");
    let put = app
        .client
        .send(Method::PUT, "/api/v1/orgs/x/projects", &[], "")
        .await;
    put.read().await.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn roles_are_proved_by_cookie_and_by_token() {
    let app = TestApp::start().await;
    let path = format!("/orgs/{}/projects", app.organisation.id);
    let viewer = app.person(Role::Viewer).await;
    let token = app.token(Role::Admin).await;
    app.look(&viewer, &path).await.assert_json(200);
    app.look(&token, &path).await.assert_json(200);
    let body = r#"{"name":"Web"}"#;
    let refused = app.ask(&viewer, Method::POST, &path, body).await;
    refused.assert_problem(403, "forbidden");
    let created = app.ask(&token, Method::POST, &path, body).await;
    created.assert_json(201);
    let stranger = app.stranger().await;
    for outsider in [&stranger, &app.operator().await] {
        let hidden = app.look(outsider, &path).await;
        hidden.assert_problem(404, "not_found");
    }
}
