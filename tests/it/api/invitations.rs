//! Invitations: used once, by the person with the invited e-mail address, for the role that they name.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;
use tollgate::store::{memberships, users};

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{Asker, Nobody, PASSWORD, Person};

on_both_engines!(
    someone_new_joins_and_is_signed_in,
    an_invitation_works_once,
    someone_known_joins_with_their_own_password,
);

const NEW: &str = "new@example.com";

async fn try_invite(app: &TestApp, who: &dyn Asker, email: &str, role: Role) -> Reply {
    let path = format!("/orgs/{}/invitations", app.organisation.id);
    let body = json!({"email": email, "role": role}).to_string();
    app.ask(who, Method::POST, &path, &body).await
}

/// The secret of a new invitation.
async fn invite(app: &TestApp, who: &dyn Asker, email: &str, role: Role) -> String {
    let invited = try_invite(app, who, email, role).await.assert_json(201);
    text(&invited["secret"])
}

async fn accept(app: &TestApp, who: &dyn Asker, body: Value) -> Reply {
    app.ask(who, Method::POST, "/invitations/accept", &body.to_string())
        .await
}

async fn join(app: &TestApp, secret: &str) -> Reply {
    let body = json!({"secret": secret, "name": "New", "password": PASSWORD});
    accept(app, &Nobody, body).await
}

async fn role_of(app: &TestApp, person: &Person) -> Option<Role> {
    let role = memberships::role(app.db(), app.organisation.id, person.id).await;
    role.unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn someone_new_joins_and_is_signed_in(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let admin = app.person(Role::Admin).await;
    let secret = invite(&app, &admin, "New@Example.com", Role::Member).await;
    let bare = accept(&app, &Nobody, json!({"secret": secret})).await;
    let problem = bare.assert_problem(400, "invalid");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    let joined = join(&app, &secret).await;
    let me = joined.assert_json(200);
    assert_eq!(me["user"]["email"], NEW);
    assert_eq!(me["organizations"][0]["role"], "member");
    let new = admin.with(joined.cookie());
    assert_eq!(app.look(&new, "/me").await.assert_json(200), me);
    app.sign_in_as(NEW, PASSWORD, &[]).await.assert_json(200);
}

async fn an_invitation_works_once(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let admin = app.person(Role::Admin).await;
    let secret = invite(&app, &admin, NEW, Role::Member).await;
    let both = futures_util::join!(join(&app, &secret), join(&app, &secret));
    let accepted = [&both.0, &both.1]
        .iter()
        .filter(|reply| reply.status == 200)
        .count();
    assert_eq!(accepted, 1, "{both:?}");
    join(&app, &secret).await.assert_problem(404, "not_found");
    let listed = app
        .look(
            &admin,
            &format!("/orgs/{}/invitations", app.organisation.id),
        )
        .await;
    assert_eq!(listed.assert_json(200)["data"], json!([]));
}

async fn someone_known_joins_with_their_own_password(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let (admin, bob) = (app.person(Role::Admin).await, app.stranger().await);
    let secret = invite(&app, &admin, &bob.email, Role::Viewer).await;
    let chosen = json!({"secret": secret, "name": "Bob", "password": "chosen by another"});
    accept(&app, &Nobody, chosen)
        .await
        .assert_problem(401, "invalid_credentials");
    assert_eq!(role_of(&app, &bob).await, None);
    join(&app, &secret).await.assert_json(200);
    assert_eq!(role_of(&app, &bob).await, Some(Role::Viewer));
}

#[tokio::test]
async fn who_is_signed_in_joins_as_that_in_a_new_session() {
    let app = TestApp::start().await;
    let (admin, bob) = (app.person(Role::Admin).await, app.stranger().await);
    let secret = invite(&app, &admin, &bob.email, Role::Viewer).await;
    let joined = accept(&app, &bob, json!({"secret": secret})).await;
    joined.assert_json(200);
    assert_eq!(role_of(&app, &bob).await, Some(Role::Viewer));
    app.look(&bob, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    app.look(&bob.with(joined.cookie()), "/me")
        .await
        .assert_json(200);
}

#[tokio::test]
async fn a_forwarded_invitation_lets_nobody_else_in() {
    let app = TestApp::start().await;
    let (admin, eve) = (app.person(Role::Admin).await, app.stranger().await);
    let secret = invite(&app, &admin, NEW, Role::Admin).await;
    let body = json!({"secret": secret, "name": "Eve", "password": PASSWORD});
    accept(&app, &eve, body.clone())
        .await
        .assert_problem(403, "forbidden");
    let token = app.token(Role::Owner).await;
    accept(&app, &token, body)
        .await
        .assert_problem(403, "forbidden");
    assert_eq!(role_of(&app, &eve).await, None);
    // Nor can the body say who comes, or as what.
    for field in ["email", "role", "organization", "operator"] {
        let body = json!({"secret": secret, "name": "E", "password": PASSWORD, field: "owner"});
        accept(&app, &Nobody, body)
            .await
            .assert_problem(400, "invalid");
    }
    join(&app, &secret).await.assert_json(200);
}

#[tokio::test]
async fn who_has_an_account_without_a_password_is_not_taken_over() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let new = users::NewUser {
        email: NEW,
        name: "New",
        password: None,
        is_operator: true,
    };
    let now = Clock::default().now();
    users::create(app.db(), new, None, now).await.unwrap();
    let secret = invite(&app, &admin, NEW, Role::Viewer).await;
    join(&app, &secret)
        .await
        .assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_revoked_replaced_or_old_invitation_works_no_more() {
    let clock = Clock::fixed(Clock::default().now());
    let database = TestDb::sqlite().await;
    let app = TestApp::at(clock.clone(), database, Provider::honest().await, "").await;
    let admin = app.token(Role::Admin).await;
    let replaced = invite(&app, &admin, NEW, Role::Member).await;
    let revoked = try_invite(&app, &admin, NEW, Role::Member)
        .await
        .assert_json(201);
    join(&app, &replaced).await.assert_problem(404, "not_found");
    let id = text(&revoked["invitation"]["id"]);
    let path = format!("/orgs/{}/invitations/{id}", app.organisation.id);
    let outsider = app.token_of(Some((
        app.another_organisation("Other").await.id,
        Role::Owner,
    )));
    let foreign = app.ask(&outsider.await, Method::DELETE, &path, "").await;
    foreign.assert_problem(404, "not_found");
    assert_eq!(app.ask(&admin, Method::DELETE, &path, "").await.status, 204);
    join(&app, &text(&revoked["secret"]))
        .await
        .assert_problem(404, "not_found");
    let old = invite(&app, &admin, NEW, Role::Member).await;
    clock.advance(Duration::from_hours(7 * 24));
    join(&app, &old).await.assert_problem(404, "not_found");
    for garbage in ["", "x", &"A".repeat(43)] {
        join(&app, garbage).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn nobody_invites_to_more_than_they_are() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    for own in [Role::Viewer, Role::Member] {
        let refused = try_invite(&app, &app.token(own).await, NEW, Role::Viewer).await;
        refused.assert_problem(403, "forbidden");
    }
    let admin = app.person(Role::Admin).await;
    let refused = try_invite(&app, &admin, NEW, Role::Owner).await;
    assert_eq!(
        refused.assert_problem(400, "invalid")["errors"][0]["field"],
        "role"
    );
    let invited = try_invite(&app, &owner, NEW, Role::Owner)
        .await
        .assert_json(201);
    let id = text(&invited["invitation"]["id"]);
    let path = format!("/orgs/{}/invitations/{id}", app.organisation.id);
    let refused = app.ask(&admin, Method::DELETE, &path, "").await;
    refused.assert_problem(403, "forbidden");
    let member = try_invite(&app, &admin, &owner.email, Role::Viewer).await;
    member.assert_problem(409, "conflict");
}

#[tokio::test]
async fn an_operator_gives_away_an_organisation_that_nobody_owns() {
    let app = TestApp::start().await;
    let operator = app.operator().await;
    let secret = invite(&app, &operator, NEW, Role::Owner).await;
    join(&app, &secret).await.assert_json(200);
    let late = try_invite(&app, &operator, "late@example.com", Role::Owner).await;
    late.assert_problem(404, "not_found");
}

#[tokio::test]
async fn links_begin_with_the_configured_address_whatever_was_asked() {
    let database = TestDb::sqlite().await;
    let extra = "[server]\npublic_url = \"https://gate.example/\"";
    let app = TestApp::with(database, Provider::honest().await, extra).await;
    let admin = app.token(Role::Admin).await;
    let path = format!("/orgs/{}/invitations", app.organisation.id);
    let body = json!({"email": NEW, "role": "member"}).to_string();
    let poisoned = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
    ];
    let invited = app
        .ask_with(&admin, Method::POST, &path, &poisoned, &body)
        .await;
    let invited = invited.assert_json(201);
    let expected = format!(
        "https://gate.example/invitations/{}",
        text(&invited["secret"])
    );
    assert_eq!(invited["link"], expected.as_str());
}
