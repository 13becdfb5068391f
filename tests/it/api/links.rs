//! One-time links: to set up, to sign in, to choose a new password.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;
use tollgate::management::links;
use tollgate::store::links::Purpose;
use tollgate::store::{organisations, users};

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{Nobody, PASSWORD, Person};

on_both_engines!(
    the_first_operator_sets_up_once,
    a_reset_link_works_once_and_ends_every_session,
    a_sign_in_link_works_once,
    setting_up_is_done_whole_or_not_at_all,
);

const PUBLIC: &str = "http://127.0.0.1:8080";

/// The secret of a new link.
async fn link(app: &TestApp, purpose: Purpose, person: Option<&Person>, clock: &Clock) -> String {
    let user = match person {
        Some(person) => users::find(app.db(), person.id).await.unwrap(),
        None => None,
    };
    let link = links::issue(app.db(), PUBLIC, purpose, user.as_ref(), clock.now()).await;
    link.unwrap().rsplit_once('/').unwrap().1.to_owned()
}

async fn post(app: &TestApp, path: &str, body: Value) -> Reply {
    app.ask(&Nobody, Method::POST, path, &body.to_string())
        .await
}

async fn set_up(app: &TestApp, secret: &str) -> Reply {
    let body = json!({"secret": secret, "email": "first@example.com", "name": "First",
        "password": PASSWORD, "organization": "Beta"});
    post(app, "/set-up", body).await
}

async fn reset(app: &TestApp, secret: &str) -> Reply {
    post(
        app,
        "/password/reset",
        json!({"secret": secret, "password": "a new password"}),
    )
    .await
}

#[tokio::test]
async fn who_holds_no_link_to_set_up_learns_no_name() {
    let app = TestApp::start().await;
    for name in [app.organisation.name.as_str(), "Nobody's"] {
        let body = json!({"secret": "x".repeat(43), "email": "first@example.com", "name": "First",
            "password": PASSWORD, "organization": name});
        let refused = post(&app, "/set-up", body).await;
        refused.assert_problem(404, "not_found");
    }
}

async fn the_first_operator_sets_up_once(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let clock = Clock::default();
    let first = link(&app, Purpose::SetUp, None, &clock).await;
    let second = link(&app, Purpose::SetUp, None, &clock).await;
    let faulty = post(
        &app,
        "/set-up",
        json!({"secret": first, "organization": "Acme"}),
    )
    .await;
    let problem = faulty.assert_problem(400, "invalid");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 4);
    let both = futures_util::join!(set_up(&app, &first), set_up(&app, &second));
    let (done, refused) = match both.0.status.as_u16() {
        200 => both,
        _ => (both.1, both.0),
    };
    assert!(refused.status.is_client_error(), "{refused:?}");
    let me = done.assert_json(200);
    assert_eq!(me["user"]["operator"], true);
    assert_eq!(me["organizations"][0]["name"], "Beta");
    assert_eq!(me["organizations"][0]["role"], "owner");
    assert!(done.cookie().is_some());
    for used in [
        &first,
        &second,
        &link(&app, Purpose::SetUp, None, &clock).await,
    ] {
        let body = json!({"secret": used, "email": "eve@example.com", "name": "Eve",
            "password": PASSWORD});
        post(&app, "/set-up", body)
            .await
            .assert_problem(404, "not_found");
    }
    let eve = users::find_by_email(app.db(), "eve@example.com").await;
    assert!(eve.unwrap().is_none());
    assert!(
        organisations::find(app.db(), "Beta")
            .await
            .unwrap()
            .is_some()
    );
}

async fn setting_up_is_done_whole_or_not_at_all(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let secret = link(&app, Purpose::SetUp, None, &Clock::default()).await;
    // The name is taken between the look at it and the transaction.
    let hash = tollgate::domain::secret::hash_of("", &secret).unwrap();
    let first = users::NewUser {
        email: "first@example.com",
        name: "First",
        password: None,
        is_operator: true,
    };
    let (db, now) = (app.db(), Clock::default().now());
    let taken = tollgate::store::links::set_up(db, hash, first, Some("Acme"), now).await;
    assert!(taken.is_err());
    assert!(!users::is_any(app.db()).await.unwrap());
    let me = set_up(&app, &secret).await.assert_json(200);
    assert_eq!(me["organizations"][0]["name"], "Beta");
}

async fn a_reset_link_works_once_and_ends_every_session(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let ann = app.person(Role::Owner).await;
    let earlier = link(&app, Purpose::Reset, Some(&ann), &Clock::default()).await;
    let secret = link(&app, Purpose::Reset, Some(&ann), &Clock::default()).await;
    reset(&app, &earlier).await.assert_problem(404, "not_found");
    let short = post(
        &app,
        "/password/reset",
        json!({"secret": secret, "password": "short"}),
    );
    short.await.assert_problem(400, "invalid");
    assert_eq!(reset(&app, &secret).await.status, 204);
    app.look(&ann, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    let old = app.sign_in_as(&ann.email, PASSWORD, &[]).await;
    old.assert_problem(401, "invalid_credentials");
    app.sign_in_as(&ann.email, "a new password", &[])
        .await
        .assert_json(200);
    reset(&app, &secret).await.assert_problem(404, "not_found");
}

async fn a_sign_in_link_works_once(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let ann = app.person(Role::Owner).await;
    let secret = link(&app, Purpose::SignIn, Some(&ann), &Clock::default()).await;
    // A link for one thing does nothing else.
    reset(&app, &secret).await.assert_problem(404, "not_found");
    set_up(&app, &secret).await.assert_problem(404, "not_found");
    let signed_in = post(&app, "/session/link", json!({"secret": secret})).await;
    signed_in.assert_json(200);
    let again = ann.with(signed_in.cookie());
    app.look(&again, "/me").await.assert_json(200);
    let used = post(&app, "/session/link", json!({"secret": secret})).await;
    used.assert_problem(404, "not_found");
}

#[tokio::test]
async fn an_old_link_works_no_more() {
    let clock = Clock::fixed(Clock::default().now());
    let database = TestDb::sqlite().await;
    let app = TestApp::at(clock.clone(), database, Provider::honest().await, "").await;
    let to_set_up = link(&app, Purpose::SetUp, None, &clock).await;
    clock.advance(Duration::from_hours(1));
    set_up(&app, &to_set_up)
        .await
        .assert_problem(404, "not_found");
    let ann = app.person(Role::Owner).await;
    let to_reset = link(&app, Purpose::Reset, Some(&ann), &clock).await;
    clock.advance(Duration::from_mins(30));
    reset(&app, &to_reset)
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn who_came_by_a_link_and_has_no_password_chooses_one() {
    let app = TestApp::start().await;
    let new = users::NewUser {
        email: "new@example.com",
        name: "New",
        password: None,
        is_operator: false,
    };
    let now = Clock::default().now();
    let user = users::create(app.db(), new, None, now).await.unwrap();
    let link = links::issue(app.db(), PUBLIC, Purpose::SignIn, Some(&user), now).await;
    let link = link.unwrap();
    assert!(link.starts_with("http://127.0.0.1:8080/sign-in/"));
    let secret = link.rsplit_once('/').unwrap().1;
    let signed_in = post(&app, "/session/link", json!({"secret": secret})).await;
    let new = app.stranger().await.with(signed_in.cookie());
    let body = json!({"password": PASSWORD}).to_string();
    let chosen = app.ask(&new, Method::POST, "/me/password", &body).await;
    chosen.assert_json(200);
    let body = json!({"password": "another password"}).to_string();
    let new = new.with(chosen.cookie());
    let again = app.ask(&new, Method::POST, "/me/password", &body).await;
    again.assert_problem(400, "invalid");
    app.sign_in_as("new@example.com", PASSWORD, &[])
        .await
        .assert_json(200);
}
