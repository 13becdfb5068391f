//! Who may call: one credential, proved, in good standing.

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate::domain::key::PlainKey;
use tollgate::domain::tenant::{KeyStatus, OrganisationStatus};
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::store::Db;
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
    let other = format!("Bearer {}", two.secret);
    let conflicting: [&[(&str, &str)]; 5] = [
        &[("authorization", &bearer), ("x-api-key", &two.secret)],
        &[("x-api-key", &one.secret), ("api-key", &two.secret)],
        &[("authorization", &bearer), ("authorization", &bearer)],
        &[("authorization", &bearer), ("authorization", &other)],
        &[("x-api-key", &one.secret), ("x-api-key", &one.secret)],
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

const T0: Timestamp = Timestamp(1_800_000_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_key_works_until_the_second_it_expires() {
    let clock = Clock::fixed(T0);
    let (database, provider) = (TestDb::sqlite().await, Provider::honest().await);
    let app = TestApp::at(clock.clone(), database, provider, "").await;
    let key = app
        .key_with(KeySpec {
            expires_at: Some(T0.plus(2 * SECOND)),
            ..KeySpec::default()
        })
        .await;
    clock.advance(SECOND);
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    for _ in 0..2 {
        clock.advance(SECOND);
        let answer = app.client.chat(&key.secret).await;
        answer.assert_refused(401, "key_expired");
    }
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_databases_time_decides_what_has_expired() {
    let now = Clock::default().now();
    let hour = Duration::from_hours(1);
    let spec = |at: i64| KeySpec {
        expires_at: Some(Timestamp(at)),
        ..KeySpec::default()
    };
    let half = i64::try_from(hour.as_micros()).unwrap() / 2;
    for off in [now.0 - 2 * half, now.0 + 2 * half] {
        let clock = Clock::fixed(Timestamp(off));
        let (database, provider) = (TestDb::postgres().await, Provider::honest().await);
        let app = TestApp::at(clock, database, provider, "").await;
        let gone = app.key_with(spec(now.0 - half)).await;
        until_refused(&app, &gone, 401, "key_expired").await;
        let alive = app.key_with(spec(now.0 + half)).await;
        until_served(&app, &alive).await;
    }
}

#[tokio::test]
async fn garbage_is_told_from_keys_without_the_store_and_nothing_unproved_is_denied() {
    let app = TestApp::start().await;
    let known = cached_key(&app).await;
    let unknown = PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap());
    break_store(&app).await;
    let long = format!("sk-{}", "A".repeat(10_000));
    let (short, odd) = (&known.secret[..34], format!("{}é", &known.secret[..33]));
    let changed = known.secret.replace(&known.secret[34..], "-");
    let garbage = [
        "",
        "sk-",
        short,
        &long,
        &changed,
        &odd,
        "mk-0123456789",
        "' OR 1=1 --",
        "%_\\\"",
        "{\"$gt\":\"\"}",
        "sk-%00000000000000000000000000000000",
        "../../etc/passwd",
    ];
    for key in garbage {
        let answer = chat_with(&app, &[("x-api-key", key)]).await;
        answer.assert_refused(401, "invalid_api_key");
    }
    let answer = chat_with(&app, &[]).await;
    answer.assert_refused(401, "invalid_api_key");
    for _ in 0..2 {
        let answer = app.client.chat(unknown.expose()).await;
        answer.assert_refused(503, "auth_unavailable");
        assert_eq!(answer.json()["error"]["type"], "service_unavailable_error");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.header("www-authenticate").is_none());
    }
    assert_eq!(app.client.chat(&known.secret).await.status, 200);
}

/// A key that no change still to be seen drops from the cache: changes are seen in order.
async fn cached_key(app: &TestApp) -> TestKey {
    let (key, later) = (app.key().await, app.key().await);
    until_served(app, &later).await;
    let disabled = KeyPatch {
        status: Some(KeyStatus::Disabled),
        ..KeyPatch::default()
    };
    keys::update(app.db(), later.id, disabled, T0)
        .await
        .unwrap();
    until_refused(app, &later, 401, "key_disabled").await;
    until_served(app, &key).await;
    key
}

#[tokio::test]
async fn a_body_that_is_held_back_outlives_no_key() {
    let app = TestApp::start().await;
    let key = cached_key(&app).await;
    let body = chat_body("");
    let (first, rest) = body.split_at(10);
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        key.secret,
        body.len(),
    );
    let mut held_back = app.client.connect().await;
    held_back.write_all(head.as_bytes()).await.unwrap();
    held_back.write_all(first.as_bytes()).await.unwrap();
    let disabled = KeyPatch {
        status: Some(KeyStatus::Disabled),
        ..KeyPatch::default()
    };
    // Longer than a body may take without being looked at again.
    tokio::time::sleep(Duration::from_millis(300)).await;
    keys::update(app.db(), key.id, disabled, T0).await.unwrap();
    until_refused(&app, &key, 401, "key_disabled").await;
    let sent = app.sent().len();
    held_back.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    held_back.read_to_string(&mut answer).await.unwrap();
    Reply::parse(&answer).assert_refused(401, "key_disabled");
    assert_eq!(app.sent().len(), sent);
}

/// From now on no secret can be looked up.
async fn break_store(app: &TestApp) {
    let Db::Sqlite(pools) = app.db() else {
        panic!("this test is on SQLite");
    };
    sqlx::query("ALTER TABLE key_secrets RENAME TO away")
        .execute(pools.writer())
        .await
        .unwrap();
}

#[tokio::test]
async fn sessions_and_management_tokens_cannot_call_models() {
    let app = TestApp::start().await;
    for headers in [
        [("cookie", "__Host-session=0123456789abcdef")],
        [(
            "authorization",
            "Bearer mk-0123456789abcdef0123456789abcdef",
        )],
    ] {
        let answer = chat_with(&app, &headers).await;
        answer.assert_refused(401, "invalid_api_key");
    }
    assert_eq!(app.sent().len(), 0);
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
    let clock = Clock::fixed(T0);
    let (database, provider) = (TestDb::sqlite().await, Provider::honest().await);
    let app = TestApp::at(clock.clone(), database, provider, "").await;
    let old = app.key().await;
    until_served(&app, &old).await;
    let fresh = PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap());
    let (hash, display) = (fresh.hash(), fresh.display());
    keys::rotate(app.db(), old.id, &hash, &display, T0.plus(2 * SECOND), T0)
        .await
        .unwrap();
    let new = TestKey {
        id: old.id,
        secret: fresh.expose().to_owned(),
    };
    until_served(&app, &new).await;
    clock.advance(SECOND);
    assert_eq!(app.client.chat(&old.secret).await.status, 200);
    clock.advance(SECOND);
    until_refused(&app, &old, 401, "invalid_api_key").await;
    assert_eq!(app.client.chat(&new.secret).await.status, 200);
}
