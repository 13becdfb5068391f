//! Members: nobody raises themselves or anybody above what they are, an owner is left, and who leaves
//! takes no key along.

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;
use tollgate::domain::tenant::{KeyId, KeyStatus};
use tollgate::store::audit::AuditQuery;
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::{audit, memberships};
use uuid::Uuid;

use crate::provider::Provider;
use crate::support::app::{KeySpec, TestApp};
use crate::support::client::Reply;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{Asker, Person};

on_both_engines!(
    the_last_owner_stays,
    of_two_owners_who_demote_each_other_one_is_left,
    who_is_removed_leaves_disabled_keys,
    a_change_of_a_member_that_was_read_before_is_refused,
);

fn path(app: &TestApp, person: &Person) -> String {
    format!("/orgs/{}/members/{}", app.organisation.id, person.id)
}

async fn set_role(app: &TestApp, who: &dyn Asker, person: &Person, role: Role) -> Reply {
    let body = json!({"role": role}).to_string();
    app.ask(who, Method::PATCH, &path(app, person), &body).await
}

async fn remove(app: &TestApp, who: &dyn Asker, person: &Person) -> Reply {
    app.ask(who, Method::DELETE, &path(app, person), "").await
}

async fn role_of(app: &TestApp, person: &Person) -> Option<Role> {
    let role = memberships::role(app.db(), app.organisation.id, person.id).await;
    role.unwrap()
}

async fn the_last_owner_stays(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let ann = app.person(Role::Owner).await;
    for role in [Role::Viewer, Role::Member, Role::Admin] {
        set_role(&app, &ann, &ann, role)
            .await
            .assert_problem(409, "conflict");
    }
    remove(&app, &ann, &ann)
        .await
        .assert_problem(409, "conflict");
    let bob = app.person(Role::Owner).await;
    assert_eq!(remove(&app, &bob, &ann).await.status, 204);
    remove(&app, &bob, &bob)
        .await
        .assert_problem(409, "conflict");
    assert_eq!(role_of(&app, &bob).await, Some(Role::Owner));
}

async fn of_two_owners_who_demote_each_other_one_is_left(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    for round in 0..5 {
        let place = app.another_organisation(&format!("Race {round}")).await.id;
        let ann = app.person_in(place, Role::Owner).await;
        let bob = app.person_in(place, Role::Owner).await;
        let path = |person: &Person| format!("/orgs/{place}/members/{}", person.id);
        let (to_ann, to_bob) = (path(&ann), path(&bob));
        futures_util::join!(
            app.ask(&ann, Method::PATCH, &to_bob, r#"{"role":"viewer"}"#),
            app.ask(&bob, Method::DELETE, &to_ann, "")
        );
        let left = memberships::owners(app.db(), place).await;
        assert_eq!(left.unwrap(), 1);
    }
}

async fn who_is_removed_leaves_disabled_keys(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let (admin, bob) = (
        app.person(Role::Admin).await,
        app.person(Role::Member).await,
    );
    let (own, other) = (app.key().await, app.key_with(KeySpec::default()).await);
    give(&app, own.id, &bob).await;
    assert_eq!(app.client.chat(&own.secret).await.status, 200);
    assert_eq!(remove(&app, &admin, &bob).await.status, 204);
    let dead = app.until("the key is disabled", async || {
        let reply = app.client.chat(&own.secret).await;
        (reply.status == 401).then_some(reply)
    });
    assert_eq!(dead.await.code(), "key_disabled");
    assert_eq!(app.client.chat(&other.secret).await.status, 200);
    let key = keys::find(app.db(), own.id).await.unwrap().unwrap();
    assert_eq!(key.status, KeyStatus::Disabled);

    let log = audit::list(app.db(), app.organisation.id, &AuditQuery::default(), 10).await;
    let log = log.unwrap();
    let found = |action: &str, subject: Uuid| {
        let mut rows = log.iter();
        let row = rows.find(|row| row.action == action && row.subject_id == Some(subject));
        row.unwrap_or_else(|| panic!("no {action}")).clone()
    };
    let disabled = found("key.update", own.id.0);
    assert_eq!(disabled.author_name, admin.email);
    assert_eq!(disabled.after_change.unwrap()["status"], "disabled");
    let removed = found("member.remove", bob.id.0);
    assert_eq!(removed.before_change.unwrap()["role"], "member");
    assert_eq!(removed.address.as_deref(), Some("127.0.0.1"));
}

async fn a_change_of_a_member_that_was_read_before_is_refused(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let (owner, bob) = (
        app.person(Role::Owner).await,
        app.person(Role::Viewer).await,
    );
    let path = path(&app, &bob);
    let change = async |method: Method, tag: &str, body: &str| {
        let headers = [("if-match", tag)];
        app.ask_with(&owner, method, &path, &headers, body).await
    };
    let raise = r#"{"role":"member"}"#;
    let raised = change(Method::PATCH, "\"1\"", raise).await;
    assert_eq!(raised.assert_json(200)["version"], 2);
    assert_eq!(raised.header("etag"), Some("\"2\""));
    let late = change(Method::PATCH, "\"1\"", r#"{"role":"admin"}"#).await;
    late.assert_problem(412, "version_conflict");
    let late = change(Method::DELETE, "\"1\"", "").await;
    late.assert_problem(412, "version_conflict");
    assert_eq!(role_of(&app, &bob).await, Some(Role::Member));
    let removed = change(Method::DELETE, "\"2\"", "").await;
    assert_eq!(removed.status, 204);
}

async fn give(app: &TestApp, key: KeyId, person: &Person) {
    let patch = KeyPatch {
        owner_id: Some(person.id.0),
        ..KeyPatch::default()
    };
    let now = tollgate::domain::time::Clock::default().now();
    keys::update(app.db(), key, patch, now).await.unwrap();
}

#[tokio::test]
async fn admins_list_and_change_everybody_but_owners() {
    let app = TestApp::start().await;
    let (owner, admin) = (app.person(Role::Owner).await, app.person(Role::Admin).await);
    let bob = app.person(Role::Viewer).await;
    let listed = app
        .look(&admin, &format!("/orgs/{}/members", app.organisation.id))
        .await;
    let listed = listed.assert_json(200);
    let mut roles: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(role)
        .collect();
    roles.sort_unstable();
    assert_eq!(roles, ["admin", "owner", "viewer"]);
    let changed = set_role(&app, &admin, &bob, Role::Member).await;
    assert_eq!(role(&changed.assert_json(200)), "member");
    set_role(&app, &admin, &owner, Role::Viewer)
        .await
        .assert_problem(403, "forbidden");
    remove(&app, &admin, &owner)
        .await
        .assert_problem(403, "forbidden");
    assert_eq!(role_of(&app, &owner).await, Some(Role::Owner));
}

fn role(member: &Value) -> String {
    member["role"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_raises_anybody_above_themselves() {
    let app = TestApp::start().await;
    app.person(Role::Owner).await;
    let bob = app.person(Role::Viewer).await;
    for own in [Role::Viewer, Role::Member, Role::Admin] {
        let (person, token) = (app.person(own).await, app.token(own).await);
        let status = if own == Role::Admin { 400 } else { 403 };
        for asker in [&person as &dyn Asker, &token] {
            let raised = set_role(&app, asker, &bob, Role::Owner).await;
            assert_eq!(raised.status, status);
            let raised = set_role(&app, asker, &person, Role::Owner).await;
            assert_eq!(raised.status, status);
        }
        assert_eq!(role_of(&app, &person).await, Some(own));
    }
    assert_eq!(role_of(&app, &bob).await, Some(Role::Viewer));
}

#[tokio::test]
async fn a_body_changes_nothing_but_what_it_may() {
    let app = TestApp::start().await;
    let (owner, bob) = (
        app.person(Role::Owner).await,
        app.person(Role::Viewer).await,
    );
    for field in [
        "operator",
        "is_operator",
        "email",
        "organisation_id",
        "user_id",
        "id",
    ] {
        let body = json!({"role": "member", field: true}).to_string();
        let refused = app
            .ask(&owner, Method::PATCH, &path(&app, &bob), &body)
            .await;
        let problem = refused.assert_problem(400, "invalid");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    assert_eq!(role_of(&app, &bob).await, Some(Role::Viewer));
}

#[tokio::test]
async fn members_of_others_do_not_exist() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let other = app.another_organisation("Other").await;
    let foreign = app.person_in(other.id, Role::Viewer).await;
    let unknown = Person {
        id: tollgate::domain::tenant::UserId::new(),
        email: String::new(),
        cookie: String::new(),
    };
    let (a, b) = futures_util::join!(
        remove(&app, &owner, &foreign),
        remove(&app, &owner, &unknown)
    );
    a.assert_problem(404, "not_found");
    assert_eq!(a.body, b.body);
    let theirs = format!("/orgs/{}/members/{}", other.id, foreign.id);
    let refused = app.ask(&owner, Method::DELETE, &theirs, "").await;
    refused.assert_problem(404, "not_found");
    assert_eq!(refused.body, a.body);
}

#[tokio::test]
async fn only_people_one_manages_elsewhere_are_added_without_an_invitation() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let other = app.another_organisation("Other").await;
    let (known, unknown) = (
        app.person_in(other.id, Role::Viewer).await,
        app.person_in(app.another_organisation("Third").await.id, Role::Viewer)
            .await,
    );
    let now = tollgate::domain::time::Clock::default().now();
    let added = memberships::add(app.db(), other.id, admin.id, Role::Admin, now).await;
    added.unwrap();
    let members = format!("/orgs/{}/members", app.organisation.id);
    let add = async |email: &str| {
        let body = json!({"email": email, "role": "member"}).to_string();
        app.ask(&admin, Method::POST, &members, &body).await
    };
    let (there, nowhere) = (add(&unknown.email).await, add("nobody@example.com").await);
    there.assert_problem(400, "invalid");
    assert_eq!(there.body, nowhere.body);
    add(&known.email).await.assert_json(201);
    assert_eq!(role_of(&app, &known).await, Some(Role::Member));
    add(&known.email).await.assert_problem(409, "conflict");
}
