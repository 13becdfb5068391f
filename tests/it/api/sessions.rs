//! Sessions: seen and ended by whose they are, and ended for them when their rights change.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{PASSWORD, Person};

on_both_engines!(
    sessions_are_seen_and_ended_by_whose_they_are,
    another_role_ends_the_sessions_of_its_owner,
);

async fn again(app: &TestApp, person: &Person) -> Person {
    let headers = [("user-agent", "second browser")];
    let reply = app.sign_in_as(&person.email, PASSWORD, &headers).await;
    person.with(reply.cookie())
}

async fn sessions_are_seen_and_ended_by_whose_they_are(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let ann = app.person(Role::Viewer).await;
    let second = again(&app, &ann).await;
    let listed = app.look(&second, "/me/sessions").await.assert_json(200);
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let mine = listed.iter().find(|own| own["current"] == true).unwrap();
    assert_eq!(mine["agent"], "second browser");
    assert_eq!(mine["address"], "127.0.0.1");
    let first = listed.iter().find(|own| own["current"] == false).unwrap();
    let path = format!("/me/sessions/{}", first["id"].as_str().unwrap());

    let stranger = app.stranger().await;
    let foreign = app.ask(&stranger, Method::DELETE, &path, "").await;
    foreign.assert_problem(404, "not_found");
    app.look(&ann, "/me").await.assert_json(200);
    let ended = app.ask(&second, Method::DELETE, &path, "").await;
    assert_eq!(ended.status, 204);
    app.look(&ann, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    app.look(&second, "/me").await.assert_json(200);

    let third = again(&app, &ann).await;
    let everywhere = app.ask(&third, Method::DELETE, "/me/sessions", "").await;
    assert_eq!(everywhere.status, 204);
    for ended in [&second, &third] {
        app.look(ended, "/me")
            .await
            .assert_problem(401, "unauthenticated");
    }
}

async fn another_role_ends_the_sessions_of_its_owner(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let (owner, bob) = (
        app.person(Role::Owner).await,
        app.person(Role::Viewer).await,
    );
    let path = format!("/orgs/{}/members/{}", app.organisation.id, bob.id);
    let same = json!({"role": "viewer"}).to_string();
    app.ask(&owner, Method::PATCH, &path, &same)
        .await
        .assert_json(200);
    app.look(&bob, "/me").await.assert_json(200);
    let raised = json!({"role": "admin"}).to_string();
    app.ask(&owner, Method::PATCH, &path, &raised)
        .await
        .assert_json(200);
    app.look(&bob, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    let bob = again(&app, &bob).await;
    assert_eq!(app.ask(&owner, Method::DELETE, &path, "").await.status, 204);
    app.look(&bob, "/me")
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_a_session_ends_it_in_every_process_at_once() {
    let database = TestDb::postgres().await;
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let neighbour = app.neighbour().await;
    let (owner, bob) = (
        app.person(Role::Owner).await,
        app.person(Role::Viewer).await,
    );
    let there = async || {
        let cookie = [("cookie", bob.cookie.as_str())];
        let sent = neighbour
            .client
            .send(Method::GET, "/api/v1/me", &cookie, "");
        sent.await.read().await
    };
    there().await.assert_json(200);
    let path = format!("/orgs/{}/members/{}", app.organisation.id, bob.id);
    assert_eq!(app.ask(&owner, Method::DELETE, &path, "").await.status, 204);
    there().await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_session_ends_by_itself_when_idle_and_after_a_week() {
    let clock = Clock::fixed(Clock::default().now());
    let database = TestDb::sqlite().await;
    let app = TestApp::at(clock.clone(), database, Provider::honest().await, "").await;
    let ann = app.person(Role::Viewer).await;
    let busy = again(&app, &ann).await;
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    for _ in 0..14 {
        clock.advance(hours(11));
        app.look(&busy, "/me").await.assert_json(200);
    }
    app.look(&ann, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    clock.advance(hours(11));
    app.look(&busy, "/me").await.assert_json(200);
    clock.advance(hours(4));
    app.look(&busy, "/me")
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn tokens_have_no_sessions_and_no_password() {
    let app = TestApp::start().await;
    let token = app.token(Role::Owner).await;
    app.look(&token, "/me/sessions")
        .await
        .assert_problem(403, "forbidden");
    let body = json!({"password": "a new password"}).to_string();
    let refused = app.ask(&token, Method::POST, "/me/password", &body).await;
    refused.assert_problem(403, "forbidden");
    let me = app.look(&token, "/me").await.assert_json(200);
    assert_eq!(
        (&me["user"], &me["token"]["name"]),
        (&json!(null), &json!("test"))
    );
    assert_eq!(me["organizations"][0]["role"], "owner");
    assert_eq!(me["organizations"][0]["name"], "Acme");
}
