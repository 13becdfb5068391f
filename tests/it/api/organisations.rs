//! Organisations: the operator's to make and end, their owners' to read and rename.

use http::Method;
use serde_json::json;
use tollgate::domain::role::Role;
use tollgate::domain::tenant::OrganisationId;
use tollgate::store::audit::AuditQuery;
use tollgate::store::{audit, organisations};
use uuid::Uuid;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    a_suspended_organisations_keys_are_refused_until_it_is_active_again,
    a_deleted_organisation_takes_its_keys_and_people_along,
);

async fn on(database: TestDb) -> TestApp {
    TestApp::with(database, Provider::honest().await, "").await
}

#[tokio::test]
async fn the_operator_makes_and_changes_organisations() {
    let app = TestApp::start().await;
    let operator = app.operator().await;
    let body = r#"{"name":" Beta ","limits":{"requests_per_minute":60}}"#;
    let made = app.ask(&operator, Method::POST, "/orgs", body).await;
    assert_eq!(made.header("etag"), Some("\"1\""));
    let made = made.assert_json(201);
    assert_eq!(made["name"], "Beta");
    assert_eq!(made["limits"]["requests_per_minute"], 60);
    let twin = app.ask(&operator, Method::POST, "/orgs", body).await;
    twin.assert_problem(409, "conflict");
    let path = format!("/orgs/{}", made["id"].as_str().unwrap());
    let change = r#"{"limits":{"concurrency":3},"models":["gpt-*"]}"#;
    let changed = app.ask(&operator, Method::PATCH, &path, change).await;
    let changed = changed.assert_json(200);
    assert_eq!(changed["limits"]["requests_per_minute"], 60);
    assert_eq!(changed["limits"]["concurrency"], 3);
    assert_eq!(
        (&changed["models"], &changed["version"]),
        (&json!(["gpt-*"]), &json!(2))
    );
    let stale = [("if-match", "\"1\"")];
    let stale = app
        .ask_with(&operator, Method::PATCH, &path, &stale, "{}")
        .await;
    stale.assert_problem(412, "version_conflict");
    let all = app.look(&operator, "/orgs").await.assert_json(200);
    let names = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["Acme", "Beta"]);
}

#[tokio::test]
async fn owners_read_and_rename_theirs_and_no_more() {
    let app = TestApp::start().await;
    let path = format!("/orgs/{}", app.organisation.id);
    let owner = app.person(Role::Owner).await;
    let renamed = app
        .ask(&owner, Method::PATCH, &path, r#"{"name":"Acme 2"}"#)
        .await;
    assert_eq!(renamed.assert_json(200)["name"], "Acme 2");
    assert_eq!(
        app.look(&owner, &path).await.assert_json(200)["name"],
        "Acme 2"
    );
    for more in [
        r#"{"status":"active"}"#,
        r#"{"limits":{}}"#,
        r#"{"models":null}"#,
    ] {
        let refused = app.ask(&owner, Method::PATCH, &path, more).await;
        refused.assert_problem(403, "forbidden");
    }
    let (list, delete) = ((Method::GET, "/orgs"), (Method::DELETE, path.as_str()));
    for (method, path) in [list, (Method::POST, "/orgs"), delete] {
        let body = if method == Method::POST {
            r#"{"name":"x"}"#
        } else {
            ""
        };
        let refused = app.ask(&owner, method, path, body).await;
        refused.assert_problem(403, "forbidden");
    }
    for role in [Role::Viewer, Role::Member, Role::Admin] {
        let person = app.person(role).await;
        let refused = app.look(&person, &path).await;
        refused.assert_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_foreign_organisation_answers_like_none() {
    let app = TestApp::start().await;
    let beta = app.another_organisation("Beta").await;
    let owner = app.person(Role::Owner).await;
    for (method, body) in [
        (Method::GET, ""),
        (Method::PATCH, r#"{"name":"Mine"}"#),
        (Method::DELETE, ""),
    ] {
        let theirs = format!("/orgs/{}", beta.id);
        let theirs = app.ask(&owner, method.clone(), &theirs, body).await;
        theirs.assert_problem(404, "not_found");
        let nobodys = format!("/orgs/{}", Uuid::now_v7());
        let nobodys = app.ask(&owner, method, &nobodys, body).await;
        assert_eq!(theirs.body, nobodys.body);
    }
}

async fn a_suspended_organisations_keys_are_refused_until_it_is_active_again(database: TestDb) {
    let app = on(database).await;
    let (operator, key) = (app.operator_token().await, app.key().await);
    let path = format!("/orgs/{}", app.organisation.id);
    for (status, expected) in [("suspended", 403), ("active", 200)] {
        assert_ne!(app.client.chat(&key.secret).await.status, expected);
        let body = format!(r#"{{"status":"{status}"}}"#);
        let changed = app.ask(&operator, Method::PATCH, &path, &body).await;
        changed.assert_json(200);
        app.until("the change is obeyed", async || {
            let reply = app.client.chat(&key.secret).await;
            (reply.status == expected).then_some(())
        })
        .await;
    }
}

async fn a_deleted_organisation_takes_its_keys_and_people_along(database: TestDb) {
    let app = on(database).await;
    let (operator, key) = (app.operator().await, app.key().await);
    let owner = app.person(Role::Owner).await;
    let token = app.token(Role::Admin).await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    app.booked(1).await;
    let path = format!("/orgs/{}", app.organisation.id);
    let deleted = app.ask(&operator, Method::DELETE, &path, "").await;
    assert_eq!(deleted.status, 204);
    app.until("its keys are unknown", async || {
        let reply = app.client.chat(&key.secret).await;
        (reply.status == 401).then_some(reply)
    })
    .await
    .assert_refused(401, "invalid_api_key");
    app.look(&operator, &path)
        .await
        .assert_problem(404, "not_found");
    let keys = format!("{path}/keys");
    app.look(&owner, &keys)
        .await
        .assert_problem(404, "not_found");
    app.look(&token, &keys)
        .await
        .assert_problem(401, "unauthenticated");
    // Those before it was known, too.
    let served = i64::try_from(app.sent().len()).unwrap();
    app.until("its usage stays", async || {
        (app.count_booked().await == served).then_some(())
    })
    .await;
    let id: OrganisationId = app.organisation.id;
    let audit = audit::list(app.db(), id, &AuditQuery::default(), 1)
        .await
        .unwrap();
    assert_eq!(audit[0].action, "organisation.delete");
    let again = app
        .ask(&operator, Method::POST, "/orgs", r#"{"name":"Acme"}"#)
        .await;
    let again = again.assert_json(201);
    assert_ne!(again["id"], json!(id));
    assert_eq!(organisations::list(app.db()).await.unwrap().len(), 1);
}
