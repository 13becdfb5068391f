//! Creations under an `Idempotency-Key` are made once.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;
use tollgate::store::{keys, memberships, users};

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{Asker, Nobody, PASSWORD};

on_both_engines!(
    asking_twice_under_a_name_makes_one_key,
    asking_at_once_under_a_name_makes_one_key,
    a_name_is_free_again_after_a_day,
);

async fn make(app: &TestApp, who: &dyn Asker, name: &str, body: &str) -> Reply {
    let path = format!("/orgs/{}/keys", app.organisation.id);
    let named = [("idempotency-key", name)];
    app.ask_with(who, Method::POST, &path, &named, body).await
}

async fn on(database: TestDb, clock: Clock) -> TestApp {
    TestApp::at(clock, database, Provider::honest().await, "").await
}

async fn count(app: &TestApp) -> usize {
    keys::list(app.db(), app.organisation.id)
        .await
        .unwrap()
        .len()
}

async fn asking_twice_under_a_name_makes_one_key(database: TestDb) {
    let app = on(database, Clock::default()).await;
    let (one, other) = (app.token(Role::Admin).await, app.token(Role::Admin).await);
    let body = r#"{"name":"ci"}"#;
    let first = make(&app, &one, "a", body).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let first = first.assert_json(201);
    let again = make(&app, &one, "a", body).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let again = again.assert_json(200);
    assert_eq!(again["key"], first["key"]);
    assert_eq!(again["secret"], Value::Null);
    let reused = make(&app, &one, "a", r#"{"name":"cd"}"#).await;
    reused.assert_problem(409, "idempotency_key_reused");
    make(&app, &one, "b", body).await.assert_json(201);
    make(&app, &other, "a", body).await.assert_json(201);
    make(&app, &one, "", body)
        .await
        .assert_problem(400, "invalid");
    assert_eq!(count(&app).await, 3);
}

async fn asking_at_once_under_a_name_makes_one_key(database: TestDb) {
    let app = on(database, Clock::default()).await;
    let token = app.token(Role::Admin).await;
    let ask = || make(&app, &token, "a", r#"{"name":"ci"}"#);
    let replies = futures_util::future::join_all((0..8).map(|_| ask())).await;
    let made = replies.iter().filter(|reply| reply.status == 201);
    assert_eq!(made.count(), 1);
    for reply in &replies {
        assert!([200, 201].contains(&reply.status.as_u16()), "{reply:?}");
    }
    let keys = replies
        .iter()
        .map(|reply| reply.json()["key"]["id"].clone());
    assert_eq!(keys.collect::<std::collections::HashSet<_>>().len(), 1);
    assert_eq!(ask().await.status, 200);
    assert_eq!(count(&app).await, 1);
}

async fn a_name_is_free_again_after_a_day(database: TestDb) {
    let clock = Clock::fixed(Clock::default().now());
    let app = on(database, clock.clone()).await;
    let token = app.token(Role::Admin).await;
    let body = r#"{"name":"ci"}"#;
    make(&app, &token, "a", body).await.assert_json(201);
    clock.advance(Duration::from_hours(23));
    make(&app, &token, "a", body).await.assert_json(200);
    clock.advance(Duration::from_hours(2));
    make(&app, &token, "a", r#"{"name":"cd"}"#)
        .await
        .assert_json(201);
    assert_eq!(count(&app).await, 2);
}

#[tokio::test]
async fn projects_and_organisations_are_made_once_too() {
    let app = TestApp::start().await;
    let operator = app.operator_token().await;
    let admin = app.token(Role::Admin).await;
    let projects = format!("/orgs/{}/projects", app.organisation.id);
    let named = [("idempotency-key", "a")];
    let askers: [(&dyn Asker, &str); 2] = [(&operator, "/orgs"), (&admin, &projects)];
    for (who, path) in askers {
        let ask = || app.ask_with(who, Method::POST, path, &named, r#"{"name":"Beta"}"#);
        let (one, other) = futures_util::join!(ask(), ask());
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201]);
        assert_eq!(one.json(), other.json());
        assert_eq!(ask().await.assert_json(200), one.json());
    }
}

#[tokio::test]
async fn an_invitation_asked_for_again_is_the_one_whose_link_was_handed_over() {
    let app = TestApp::start().await;
    let admin = app.token(Role::Admin).await;
    let path = format!("/orgs/{}/invitations", app.organisation.id);
    let named = [("idempotency-key", "a")];
    let body = r#"{"email":"new@example.com","role":"member"}"#;
    let ask = || app.ask_with(&admin, Method::POST, &path, &named, body);
    let first = ask().await.assert_json(201);
    let again = ask().await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let again = again.assert_json(200);
    assert_eq!(again["invitation"], first["invitation"]);
    assert_eq!(
        (&again["secret"], &again["link"]),
        (&Value::Null, &Value::Null)
    );
    let other = body.replace("new@", "other@");
    let reused = app.ask_with(&admin, Method::POST, &path, &named, &other);
    let reused = reused.await;
    reused.assert_problem(409, "idempotency_key_reused");
    let accept = json!({"secret": first["secret"], "name": "New", "password": PASSWORD});
    let (path, accept) = ("/invitations/accept", accept.to_string());
    let joined = app.ask(&Nobody, Method::POST, path, &accept).await;
    joined.assert_json(200);
}

#[tokio::test]
async fn a_member_who_is_added_again_is_the_one_who_was_added() {
    let app = TestApp::start().await;
    let ann = app.person(Role::Admin).await;
    let bob = app.person(Role::Viewer).await;
    let other = app.another_organisation("Other").await.id;
    let user = users::find(app.db(), ann.id).await.unwrap().unwrap();
    let now = Clock::default().now();
    let added = memberships::add(app.db(), other, user.id, Role::Admin, now).await;
    added.unwrap();
    let path = format!("/orgs/{other}/members");
    let body = json!({"email": bob.email, "role": "viewer"}).to_string();
    let ask = async |name: &'static str| {
        let named = [("idempotency-key", name)];
        app.ask_with(&ann, Method::POST, &path, &named, &body).await
    };
    let first = ask("a").await.assert_json(201);
    let again = ask("a").await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.assert_json(200), first);
    ask("b").await.assert_problem(409, "conflict");
}
