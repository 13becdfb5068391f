//! Every plain secret is in the one answer that shows it, and in no other.

use http::Method;
use serde_json::Value;
use tollgate::domain::role::Role;

use super::openapi::operations;
use crate::support::app::TestApp;
use crate::support::people::Asker;

/// All that can be read of the test's organisation, as text.
async fn crawl(app: &TestApp, who: &dyn Asker, key: &str) -> Vec<(String, String)> {
    let mut read = Vec::new();
    for (method, path) in operations() {
        if method != "GET" {
            continue;
        }
        let path = path.replace("{org}", &app.organisation.id.to_string());
        let path = path.replace("{id}", key);
        let reply = app.look(who, &path).await;
        read.push((path, format!("{:?} {}", reply.headers, reply.text())));
    }
    read
}

#[tokio::test]
async fn a_secret_is_in_one_answer_and_in_no_other() {
    let app = TestApp::start().await;
    let (owner, operator) = (app.person(Role::Owner).await, app.operator().await);
    let token = app.token(Role::Owner).await;
    let keys = format!("/orgs/{}/keys", app.organisation.id);
    let ask = async |method, path: &str, body: &str| {
        let headers = [("idempotency-key", "once")];
        app.ask_with(&owner, method, path, &headers, body).await
    };
    let made = ask(Method::POST, &keys, r#"{"name":"One"}"#)
        .await
        .assert_json(201);
    let id = made["key"]["id"].as_str().unwrap();
    let rotate = format!("{keys}/{id}/rotate");
    let rotated = ask(Method::POST, &rotate, "{}").await.assert_json(200);
    let secrets = [&made["secret"], &rotated["secret"]].map(|secret| secret.as_str().unwrap());
    assert_ne!(secrets[0], secrets[1]);
    let org = format!("/orgs/{}", app.organisation.id);
    let token_made = r#"{"name":"T","role":"viewer"}"#;
    let token_made = app
        .ask(&owner, Method::POST, &format!("{org}/tokens"), token_made)
        .await;
    let token_made = token_made.assert_json(201);
    let invited = r#"{"email":"new@example.com","role":"viewer"}"#;
    let invited = app
        .ask(&owner, Method::POST, &format!("{org}/invitations"), invited)
        .await;
    let invited = invited.assert_json(201);
    let further = [&token_made["secret"], &invited["secret"]];
    let further = further.map(|secret| secret.as_str().unwrap());
    let cookie = owner.cookie.split_once('=').unwrap().1;
    let secrets = [
        secrets[0],
        secrets[1],
        further[0],
        further[1],
        cookie,
        &token.secret,
    ];

    let again = ask(Method::POST, &keys, r#"{"name":"One"}"#)
        .await
        .assert_json(200);
    assert_eq!(again["secret"], Value::Null);
    let changed = ask(Method::PATCH, &format!("{keys}/{id}"), r#"{"name":"Two"}"#).await;
    let mut answers = crawl(&app, &owner, id).await;
    answers.extend(crawl(&app, &operator, id).await);
    answers.extend([again, changed.assert_json(200)].map(|json| (String::new(), json.to_string())));
    assert!(
        answers
            .iter()
            .any(|(path, text)| path.ends_with("/audit") && text.contains(id))
    );
    for (path, text) in answers {
        let shown = secrets.iter().find(|secret| text.contains(**secret));
        assert_eq!(shown, None, "{path}");
    }
}
