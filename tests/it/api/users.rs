//! People of the installation: operators see them, shut them out and let them in again.

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;
use tollgate::management::links;
use tollgate::store::links::Purpose;
use tollgate::store::users;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{Asker, Nobody, PASSWORD, Person};

on_both_engines!(
    who_is_disabled_is_out_everywhere_at_once_and_may_come_back,
    the_last_operator_stays,
    of_two_changes_of_the_same_version_one_is_made,
);

async fn set(app: &TestApp, who: &dyn Asker, person: &Person, status: &str) -> Reply {
    let body = json!({"status": status}).to_string();
    let path = format!("/users/{}", person.id);
    app.ask(who, Method::PATCH, &path, &body).await
}

async fn link(app: &TestApp, person: &Person, purpose: Purpose) -> Value {
    let user = users::find(app.db(), person.id).await.unwrap();
    let now = Clock::default().now();
    let link = links::issue(app.db(), "http://gate", purpose, user.as_ref(), now).await;
    let secret = link.unwrap().rsplit_once('/').unwrap().1.to_owned();
    json!({"secret": secret, "password": "a new password"})
}

async fn who_is_disabled_is_out_everywhere_at_once_and_may_come_back(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let postgres = app.database.is_postgres();
    let (operator, ann) = (app.operator().await, app.person(Role::Owner).await);
    let (key, _) = app.key_of(app.organisation.id, Some(&ann)).await;
    let reset = link(&app, &ann, Purpose::Reset).await;
    let neighbour = if postgres {
        Some(app.neighbour().await)
    } else {
        None
    };

    let disabled = set(&app, &operator, &ann, "disabled")
        .await
        .assert_json(200);
    assert_eq!(disabled["status"], "disabled");
    let gone = app.look(&ann, "/me").await;
    gone.assert_problem(401, "unauthenticated");
    if let Some(neighbour) = &neighbour {
        let (client, headers) = (&neighbour.client, ann.headers());
        let opened = client.send(Method::GET, "/api/v1/me", &headers, "").await;
        opened.read().await.assert_problem(401, "unauthenticated");
    }
    let refused = app.sign_in_as(&ann.email, PASSWORD, &[]).await;
    refused.assert_problem(401, "invalid_credentials");
    let unknown = app.sign_in_as("nobody@example.com", PASSWORD, &[]).await;
    assert_eq!(refused.body, unknown.body);
    let reset = reset.to_string();
    let reset = app.ask(&Nobody, Method::POST, "/password/reset", &reset);
    reset.await.assert_problem(404, "not_found");
    let later = link(&app, &ann, Purpose::SignIn).await["secret"].clone();
    let by_link = json!({"secret": later}).to_string();
    let by_link = app.ask(&Nobody, Method::POST, "/session/link", &by_link);
    by_link.await.assert_problem(404, "not_found");
    // Keys are the organisation's.
    let path = format!("/orgs/{}/keys/{}", app.organisation.id, key.id);
    let owner = app.person(Role::Owner).await;
    let kept = app.look(&owner, &path).await.assert_json(200);
    assert_eq!(kept["status"], "active");

    set(&app, &operator, &ann, "active").await.assert_json(200);
    app.look(&ann, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    let again = app.sign_in_as(&ann.email, PASSWORD, &[]).await;
    again.assert_json(200);
    let log = format!("/audit?subject={}&action=user.update", ann.id);
    let log = app.look(&operator, &log).await.assert_json(200);
    assert_eq!(log["data"][1]["after"], json!({"status": "disabled"}));
    assert_eq!(log["data"][0]["author"]["name"], operator.email.as_str());
}

async fn the_last_operator_stays(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let (ann, token) = (app.operator().await, app.operator_token().await);
    set(&app, &ann, &ann, "disabled")
        .await
        .assert_problem(409, "conflict");
    set(&app, &token, &ann, "disabled")
        .await
        .assert_problem(409, "conflict");
    app.look(&ann, "/me").await.assert_json(200);
    let bob = app.operator().await;
    set(&app, &bob, &ann, "disabled").await.assert_json(200);
    app.look(&bob, "/me").await.assert_json(200);
}

async fn of_two_changes_of_the_same_version_one_is_made(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let (operator, ann) = (app.operator().await, app.stranger().await);
    let path = format!("/users/{}", ann.id);
    let read = app.look(&operator, &path).await;
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(read.assert_json(200)["status"], "active");
    let tag = [("if-match", tag.as_str())];
    let change = || {
        app.ask_with(
            &operator,
            Method::PATCH,
            &path,
            &tag,
            r#"{"status":"disabled"}"#,
        )
    };
    change().await.assert_json(200);
    change().await.assert_problem(412, "version_conflict");
}

#[tokio::test]
async fn operators_find_people_page_by_page() {
    let app = TestApp::start().await;
    let operator = app.operator().await;
    let mut people = vec![operator.email.clone()];
    for _ in 0..4 {
        people.push(app.stranger().await.email);
    }
    people.sort_unstable();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app
            .look(&operator, &format!("/users?limit=2{cursor}"))
            .await;
        let page = page.assert_json(200);
        let users = page["data"].as_array().unwrap();
        found.extend(
            users
                .iter()
                .map(|user| user["email"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, people);
    let search = format!("/users?search={}", operator.email.to_uppercase());
    let one = app.look(&operator, &search).await.assert_json(200);
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    assert_eq!(one["data"][0]["operator"], true);
    for (search, count) in [("%25", 0), ("_", 0), ("@example", 5)] {
        let path = format!("/users?search={search}");
        let found = app.look(&operator, &path).await.assert_json(200);
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{search}");
    }
    // A cursor of somebody's making, which no engine takes as text.
    let refused = app.look(&operator, "/users?cursor=Ilx1MDAwMCI").await;
    refused.assert_problem(400, "invalid");
}
