//! Keys: who may make, see and change which, and what is shown of them.

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;
use tollgate::domain::tenant::ProjectId;
use tollgate::store::projects::{self, ProjectPatch};
use uuid::Uuid;

use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::people::Asker;

mod grants;
mod list;
mod own;

fn path(app: &TestApp) -> String {
    format!("/orgs/{}/keys", app.organisation.id)
}

/// The path of a key that `who` makes, and its secret.
async fn make(app: &TestApp, who: &dyn Asker, body: &str) -> (String, String) {
    let made = app
        .ask(who, Method::POST, &path(app), body)
        .await
        .assert_json(201);
    let secret = made["secret"].as_str().unwrap().to_owned();
    let id = made["key"]["id"].as_str().unwrap();
    (format!("{}/{id}", path(app)), secret)
}

/// The fields that an answer finds fault with.
#[track_caller]
fn faulty(reply: &Reply) -> Vec<String> {
    let problem = reply.assert_problem(400, "invalid");
    let errors = problem["errors"].as_array().unwrap().iter();
    let fields = errors.map(|error| error["field"].as_str().unwrap().to_owned());
    let mut fields: Vec<_> = fields.collect();
    fields.sort_unstable();
    fields
}

/// Asks with `secret` until the answer has this status.
async fn until(app: &TestApp, secret: &str, status: u16) {
    app.until(&format!("a call answers {status}"), async || {
        let reply = app.client.chat(secret).await;
        (reply.status == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_lives_from_its_creation_to_its_deletion() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let (key, secret) = make(&app, &admin, r#"{"name":"Production"}"#).await;
    assert_eq!(app.client.chat(&secret).await.status, 200);

    let change = r#"{"name":"Prod","models":["m","gpt-*"],"limits":{"concurrency":9}}"#;
    let changed = app.ask(&admin, Method::PATCH, &key, change).await;
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let changed = changed.assert_json(200);
    assert_eq!(
        (&changed["name"], &changed["version"]),
        (&json!("Prod"), &json!(2))
    );

    let rotate = format!("{key}/rotate");
    let rotated = app
        .ask(&admin, Method::POST, &rotate, r#"{"grace_seconds":3600}"#)
        .await;
    assert_eq!(rotated.header("etag"), Some("\"3\""));
    let rotated = rotated.assert_json(200);
    let new = rotated["secret"].as_str().unwrap();
    assert_eq!(
        rotated["key"]["previous_secret"]["display"],
        changed["display"]
    );
    until(&app, new, 200).await;
    assert_eq!(app.client.chat(&secret).await.status, 200);
    app.until("the old secret's call is counted", async || {
        let key = app.look(&admin, &key).await.assert_json(200);
        (key["previous_secret"]["calls_since_rotation"] == 1).then_some(())
    })
    .await;

    let disable = r#"{"status":"disabled"}"#;
    app.ask(&admin, Method::PATCH, &key, disable)
        .await
        .assert_json(200);
    until(&app, new, 401).await;
    app.client
        .chat(new)
        .await
        .assert_refused(401, "key_disabled");

    let deleted = app.ask(&admin, Method::DELETE, &key, "").await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    app.look(&admin, &key)
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_rotation_at_once_after_calls_counts_none_of_them() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let (key, secret) = make(&app, &admin, r#"{"name":"busy"}"#).await;
    for _ in 0..5 {
        assert_eq!(app.client.chat(&secret).await.status, 200);
    }
    let rotate = format!("{key}/rotate");
    app.ask(&admin, Method::POST, &rotate, r#"{"grace_seconds":3600}"#)
        .await
        .assert_json(200);
    app.booked(5).await;
    let shown = app.look(&admin, &key).await.assert_json(200);
    assert_eq!(shown["previous_secret"]["calls_since_rotation"], 0);
    let found = format!("{}?finding=grace_in_use", path(&app));
    let found = app.look(&admin, &found).await.assert_json(200);
    assert_eq!(found["data"], json!([]));
}

#[tokio::test]
async fn names_can_be_seen_and_typed() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let send = async |name: &str| {
        let body = json!({ "name": name }).to_string();
        app.ask(&admin, Method::POST, &path(&app), &body).await
    };
    for odd in [
        "\u{200b}",
        "a\u{200b}b",
        "\u{202e}evil",
        "\u{2066}a\u{2069}",
        "\u{feff}a",
        "\u{2800}",
        "\u{200d}",
        "a\tb",
    ] {
        assert_eq!(faulty(&send(odd).await), ["name"], "{odd:?}");
    }
    for (typed, kept) in [
        (" a \u{a0}\u{3000} b ", "a b"),
        ("Größe 東京 مفتاح", "Größe 東京 مفتاح"),
        // Joiners are letters' business: Persian and families need them.
        ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        (
            "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
            "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
        ),
    ] {
        let made = send(typed).await.assert_json(201);
        assert_eq!(made["key"]["name"], kept);
    }
}

#[tokio::test]
async fn a_key_shows_what_is_documented_and_never_its_secret() {
    let app = TestApp::start().await;
    let member = app.person(Role::Member).await;
    let body = r#"{"name":"ci","expires_at":"2999-01-01T00:00:00Z","limits":{
        "quota":{"amount":1000000,"period":"month"},"budget":{"amount_usd":"25.00","period":"day"}}}"#;
    let (key, secret) = make(&app, &member, body).await;
    let shown = app.look(&member, &key).await;
    assert!(!shown.text().contains(&secret[7..31]));
    let shown = shown.assert_json(200);
    let fields: Vec<_> = shown.as_object().unwrap().keys().cloned().collect();
    let documented = [
        "budget_state",
        "created_at",
        "created_by",
        "display",
        "expires_at",
        "id",
        "last_used_at",
        "limits",
        "models",
        "name",
        "owner_id",
        "previous_secret",
        "project_id",
        "quota_state",
        "status",
        "usage",
        "version",
    ];
    let mut sorted = fields;
    sorted.sort_unstable();
    assert_eq!(sorted, documented);
    assert_eq!(shown["created_by"], member.email);
    assert_eq!(shown["owner_id"], json!(member.id));
    assert_eq!(shown["expires_at"], "2999-01-01T00:00:00Z");
    let quota = &shown["quota_state"];
    assert_eq!(
        (&quota["used"], &quota["remaining"]),
        (&json!(0), &json!(1_000_000))
    );
    assert_eq!(shown["budget_state"]["remaining_usd"], "25.00");
    assert_eq!(shown["usage"], json!({"requests_30d":0,"tokens_30d":0}));
    assert_eq!(shown["last_used_at"], Value::Null);
}

#[tokio::test]
async fn a_call_shows_in_its_keys_standing() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let body = r#"{"name":"ci","limits":{"quota":{"amount":1000000,"period":"month"}}}"#;
    let (key, secret) = make(&app, &admin, body).await;
    assert_eq!(app.client.chat(&secret).await.status, 200);
    let charged = app.booked(1).await[0].total_tokens;
    let shown = app
        .until("its use is noted", async || {
            let shown = app.look(&admin, &key).await.assert_json(200);
            (shown["last_used_at"] != Value::Null).then_some(shown)
        })
        .await;
    assert_eq!(
        shown["usage"],
        json!({"requests_30d":1,"tokens_30d":charged})
    );
    let quota = &shown["quota_state"];
    assert_eq!(quota["used"], charged);
    assert_eq!(quota["remaining"], 1_000_000 - charged);
    let list = app.look(&admin, &path(&app)).await.assert_json(200);
    assert_eq!(list["data"], json!([shown]));
}

/// Usage from before there was a limit counts from the first look on, before any call opens its row.
#[tokio::test]
async fn a_new_quota_stands_where_its_first_call_will_find_it() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let (key, secret) = make(&app, &admin, r#"{"name":"ci"}"#).await;
    assert_eq!(app.client.chat(&secret).await.status, 200);
    let tokens = app.booked(1).await[0].total_tokens;
    for (period, used) in [("day", tokens), ("month", tokens), ("none", 0)] {
        let body = format!(r#"{{"limits":{{"quota":{{"amount":500,"period":"{period}"}}}}}}"#);
        let changed = app
            .ask(&admin, Method::PATCH, &key, &body)
            .await
            .assert_json(200);
        assert_eq!(changed["quota_state"]["used"], used, "{period}");
    }
}

#[tokio::test]
async fn every_faulty_field_of_a_key_is_named_at_once() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let body = json!({"name": " ", "models": ["ok", "not ok"], "project_id": Uuid::now_v7(),
        "expires_at": "2001-01-01T00:00:00Z"});
    let refused = app
        .ask(&admin, Method::POST, &path(&app), &body.to_string())
        .await;
    let expected = ["expires_at", "models[1]", "name", "project_id"];
    assert_eq!(faulty(&refused), expected);
    let body = r#"{"name":"x","owner":1,"limits":{"rpm":1},"expires_at":"tomorrow"}"#;
    let refused = app.ask(&admin, Method::POST, &path(&app), body).await;
    assert_eq!(faulty(&refused), ["expires_at", "limits.rpm", "owner"]);
    let refused = app.ask(&admin, Method::POST, &path(&app), "{}").await;
    assert_eq!(faulty(&refused), ["name"]);
    let (key, _) = make(&app, &admin, r#"{"name":"ci"}"#).await;
    let body = r#"{"limits":{"quota":{"period":"day"}}}"#;
    let refused = app.ask(&admin, Method::PATCH, &key, body).await;
    assert_eq!(faulty(&refused), ["limits.quota.amount"]);
    let rotate = format!("{key}/rotate");
    let refused = app
        .ask(
            &admin,
            Method::POST,
            &rotate,
            r#"{"grace_seconds":2592001}"#,
        )
        .await;
    assert_eq!(faulty(&refused), ["grace_seconds"]);
    let list = format!("{}?limit=0&x=1&sort=size", path(&app));
    let refused = app.look(&admin, &list).await;
    assert_eq!(faulty(&refused), ["sort", "x"]);
}

#[tokio::test]
async fn of_two_edits_of_the_same_version_one_is_made() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let body = r#"{"name":"ci","limits":{"quota":{"amount":1000000}}}"#;
    let (key, secret) = make(&app, &admin, body).await;
    assert_eq!(app.client.chat(&secret).await.status, 200);
    let charged = app.booked(1).await[0].total_tokens;
    let edit = async |name: &str| {
        let body = format!(r#"{{"name":"{name}","limits":{{"quota":{{"amount":900000}}}}}}"#);
        let seen = [("if-match", "\"1\"")];
        app.ask_with(&admin, Method::PATCH, &key, &seen, &body)
            .await
    };
    let (one, other) = tokio::join!(edit("one"), edit("other"));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    for (method, path) in [
        (Method::DELETE, key.clone()),
        (Method::POST, format!("{key}/rotate")),
    ] {
        let body = if method == Method::POST { "{}" } else { "" };
        let seen = [("if-match", "\"1\"")];
        let stale = app.ask_with(&admin, method, &path, &seen, body).await;
        stale.assert_problem(412, "version_conflict");
    }
    let shown = app.look(&admin, &key).await.assert_json(200);
    assert_eq!(shown["quota_state"]["used"], charged);
}

#[tokio::test]
async fn null_takes_all_limits_away() {
    let app = TestApp::start().await;
    let (operator, owner) = (app.operator().await, app.person(Role::Owner).await);
    let org = format!("/orgs/{}", app.organisation.id);
    let mut things: Vec<(&dyn Asker, String)> = vec![(&operator, org.clone())];
    for list in ["projects", "keys"] {
        let path = format!("{org}/{list}");
        let made = app
            .ask(&owner, Method::POST, &path, r#"{"name":"x"}"#)
            .await;
        let made = made.assert_json(201);
        let id = made["key"]["id"].as_str().or(made["id"].as_str());
        things.push((&owner, format!("{path}/{}", id.unwrap())));
    }
    for (who, path) in things {
        let none = app.look(who, &path).await.assert_json(200)["limits"].clone();
        let some = r#"{"limits":{"concurrency":5,"quota":{"amount":10}}}"#;
        let limited = app.ask(who, Method::PATCH, &path, some).await;
        assert_ne!(limited.assert_json(200)["limits"], none, "{path}");
        let cleared = app
            .ask(who, Method::PATCH, &path, r#"{"limits":null}"#)
            .await;
        assert_eq!(cleared.assert_json(200)["limits"], none, "{path}");
    }
}

#[tokio::test]
async fn many_keys_are_changed_at_once() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let mut keys = Vec::new();
    for name in ["a", "b", "c"] {
        keys.push(make(&app, &admin, &json!({"name": name}).to_string()).await);
    }
    let id = |key: &str| key.rsplit_once('/').unwrap().1.to_owned();
    let beta = app.another_organisation("Beta").await;
    let theirs = app.person_in(beta.id, Role::Admin).await;
    let body = r#"{"name":"theirs"}"#;
    let path_there = format!("/orgs/{}/keys", beta.id);
    let foreign = app
        .ask(&theirs, Method::POST, &path_there, body)
        .await
        .assert_json(201);
    let foreign_id = &foreign["key"]["id"];
    let bulk = format!("{}/bulk", path(&app));
    let body = json!({"action":"disable","ids":[id(&keys[0].0), id(&keys[1].0), foreign_id]});
    let outcome = app
        .ask(&admin, Method::POST, &bulk, &body.to_string())
        .await
        .assert_json(200);
    assert_eq!(outcome["not_found"], json!([foreign_id]));
    assert_eq!(outcome["done"].as_array().unwrap().len(), 2);
    until(&app, &keys[0].1, 401).await;
    until(&app, &keys[1].1, 401).await;
    assert_eq!(app.client.chat(&keys[2].1).await.status, 200);
    let secret = foreign["secret"].as_str().unwrap();
    assert_eq!(app.client.chat(secret).await.status, 200);
    let body = json!({"action":"delete","ids":[id(&keys[0].0)]}).to_string();
    app.ask(&admin, Method::POST, &bulk, &body)
        .await
        .assert_json(200);
    app.look(&admin, &keys[0].0)
        .await
        .assert_problem(404, "not_found");
    for body in [
        r#"{"ids":[]}"#,
        r#"{"action":"delete"}"#,
        r#"{"action":"burn","ids":[]}"#,
    ] {
        let refused = app.ask(&admin, Method::POST, &bulk, body).await;
        refused.assert_problem(400, "invalid");
    }
}
