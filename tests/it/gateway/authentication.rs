//! Who may call: one credential, proved, in good standing.

use std::time::Duration;

use http::Method;
use tollgate::domain::tenant::{KeyStatus, OrganisationStatus};
use tollgate::domain::time::Clock;
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::organisations::{self, OrganisationPatch};

use crate::provider::Provider;
use crate::support::app::{KeySpec, TestApp, TestKey};
use crate::support::client::{CHAT, Reply, chat_body};
use crate::support::db::{TestDb, on_both_engines};

async fn chat_with(app: &TestApp, headers: &[(&str, &str)]) -> Reply {
    let opened = app
        .client
        .send(Method::POST, CHAT, headers, &chat_body(""))
        .await;
    opened.read().await
}

#[tokio::test]
async fn a_call_without_a_valid_key_is_refused_alike_and_never_sent() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let (basic, bare) = (format!("Basic {}", key.secret), key.secret.clone());
    let unknown = "Bearer sk-00000000000000000000000000000000";
    let tab = format!("Bearer\t{}", key.secret);
    let long = format!("Bearer sk-{}", "a".repeat(10_000));
    let cases: [&[(&str, &str)]; 9] = [
        &[],
        &[("authorization", "")],
        &[("authorization", "Bearer")],
        &[("authorization", &basic)],
        &[("authorization", &bare)],
        &[("authorization", &tab)],
        &[("authorization", unknown)],
        &[("authorization", &long)],
        &[("x-api-key", "' OR 1=1 --%_\\\"")],
    ];
    let mut bodies = Vec::new();
    for headers in cases {
        let answer = chat_with(&app, headers).await;
        answer.assert_refused(401, "invalid_api_key");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn a_key_is_taken_from_any_of_three_headers_but_not_two_different_ones() {
    let app = TestApp::start().await;
    let (one, two) = (app.key().await, app.key().await);
    let bearer = format!("bEARER  {}", one.secret);
    let accepted: [&[(&str, &str)]; 4] = [
        &[("authorization", &bearer)],
        &[("x-api-key", &one.secret)],
        &[("api-key", &one.secret)],
        &[("authorization", &bearer), ("x-api-key", &one.secret)],
    ];
    for headers in accepted {
        assert_eq!(chat_with(&app, headers).await.status, 200);
    }
    let conflicting: [&[(&str, &str)]; 2] = [
        &[("authorization", &bearer), ("x-api-key", &two.secret)],
        &[("authorization", &bearer), ("authorization", &bearer)],
    ];
    for headers in conflicting {
        let answer = chat_with(&app, headers).await;
        answer.assert_refused(400, "conflicting_credentials");
    }
    assert_eq!(app.sent().len(), 4);
}

#[tokio::test]
async fn a_key_in_the_query_or_a_cookie_is_no_credential() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let cookie = format!("session={}", key.secret);
    let path = format!("{CHAT}?api_key={}", key.secret);
    let opened = app
        .client
        .send(Method::POST, &path, &[("cookie", &cookie)], &chat_body(""))
        .await;
    opened.read().await.assert_refused(401, "invalid_api_key");
}

#[tokio::test]
async fn a_key_expires_to_the_second() {
    let app = TestApp::start().await;
    let now = Clock::default().now();
    let spec = |after: Duration| KeySpec {
        expires_at: Some(now.plus(after)),
        ..KeySpec::default()
    };
    let gone = app.key_with(spec(Duration::ZERO)).await;
    app.client
        .chat(&gone.secret)
        .await
        .assert_refused(401, "key_expired");
    let alive = app.key_with(spec(Duration::from_mins(1))).await;
    assert_eq!(app.client.chat(&alive.secret).await.status, 200);
    let soon = app.key_with(spec(Duration::from_secs(1))).await;
    app.until("the key has expired", async || {
        let answer = app.client.chat(&soon.secret).await;
        (answer.status == 401).then(|| answer.assert_refused(401, "key_expired"))
    })
    .await;
}

/// Calls until the answer is `status` and `code`; changes are obeyed within a second.
async fn until_refused(app: &TestApp, key: &TestKey, status: u16, code: &str) {
    let began = std::time::Instant::now();
    app.until(code, async || {
        let answer = app.client.chat(&key.secret).await;
        (answer.status == status).then(|| answer.assert_refused(status, code))
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{code} took {:?}",
        began.elapsed()
    );
}

async fn until_served(app: &TestApp, key: &TestKey) {
    app.until("the key works", async || {
        (app.client.chat(&key.secret).await.status == 200).then_some(())
    })
    .await;
}

on_both_engines!(what_another_process_changes_is_obeyed_at_once);

async fn what_another_process_changes_is_obeyed_at_once(database: TestDb) {
    let other = database.other_process().await;
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let key = app.key().await;
    until_served(&app, &key).await;
    let now = Clock::default().now();
    let status = |status| KeyPatch {
        status: Some(status),
        ..KeyPatch::default()
    };
    keys::update(&other, key.id, status(KeyStatus::Disabled), now)
        .await
        .unwrap();
    until_refused(&app, &key, 401, "key_disabled").await;
    keys::update(&other, key.id, status(KeyStatus::Active), now)
        .await
        .unwrap();
    until_served(&app, &key).await;
    let suspended = |status| OrganisationPatch {
        status: Some(status),
        ..OrganisationPatch::default()
    };
    let organisation = app.organisation.id;
    let patch = suspended(OrganisationStatus::Suspended);
    organisations::update(&other, organisation, patch, now)
        .await
        .unwrap();
    until_refused(&app, &key, 403, "organization_suspended").await;
    let patch = suspended(OrganisationStatus::Active);
    organisations::update(&other, organisation, patch, now)
        .await
        .unwrap();
    until_served(&app, &key).await;
    keys::delete(&other, key.id, now).await.unwrap();
    until_refused(&app, &key, 401, "invalid_api_key").await;
}

#[tokio::test]
async fn the_old_secret_of_a_rotated_key_works_until_its_grace_ends() {
    let app = TestApp::start().await;
    let key = app.key().await;
    until_served(&app, &key).await;
    let fresh = tollgate::domain::key::PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap());
    let now = Clock::default().now();
    let grace_until = now.plus(Duration::from_secs(2));
    let (hash, display) = (fresh.hash(), fresh.display());
    keys::rotate(app.db(), key.id, &hash, &display, grace_until, now)
        .await
        .unwrap();
    let new = TestKey {
        id: key.id,
        secret: fresh.expose().to_owned(),
    };
    until_served(&app, &new).await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    app.until("the grace ends", async || {
        let answer = app.client.chat(&key.secret).await;
        (answer.status == 401).then(|| answer.assert_refused(401, "invalid_api_key"))
    })
    .await;
    until_served(&app, &new).await;
}

#[tokio::test]
async fn probes_say_nothing_and_ask_for_nothing() {
    let app = TestApp::start().await;
    for path in ["/livez", "/readyz"] {
        let answer = app
            .client
            .send(Method::GET, path, &[], "")
            .await
            .read()
            .await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "ok\n"));
        assert!(answer.header("x-request-id").is_some());
    }
}
