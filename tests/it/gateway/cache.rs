//! Keys in memory: what another process changes, and what happens while the store is away.

use std::time::{Duration, Instant};

use tollgate::domain::key::PlainKey;
use tollgate::domain::tenant::KeyStatus;
use tollgate::domain::time::Clock;
use tollgate::store::Db;
use tollgate::store::keys::{self, KeyPatch, NewKey};

use super::limits::{at_once, quota, statuses};
use crate::provider::Provider;
use crate::support::app::{TestApp, TestKey};
use crate::support::client::chat_body;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::proxy::Proxy;

on_both_engines!(
    a_key_made_after_it_was_asked_for_works_within_a_second,
    what_another_process_switches_is_obeyed_within_a_second,
    a_flood_of_unknown_keys_leaves_known_ones_alone,
    a_new_key_that_many_ask_for_at_once_is_looked_up_once,
    a_key_that_is_deleted_after_the_store_was_set_back_is_refused_within_a_second,
);

/// The code of a chat call with `secret`, or `None` if it is served.
async fn code(app: &TestApp, secret: &str) -> Option<String> {
    let answer = app.client.chat(secret).await;
    (answer.status != 200).then(|| answer.code())
}

async fn within_a_second(app: &TestApp, key: &TestKey, expected: Option<&str>) {
    let began = Instant::now();
    let what = format!("{expected:?} is answered");
    app.until(&what, async || {
        (code(app, &key.secret).await.as_deref() == expected).then_some(())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(1), "{what}: too late");
}

fn generate() -> PlainKey {
    PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap())
}

async fn a_key_made_after_it_was_asked_for_works_within_a_second(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let other = app.database.other_process().await;
    let plain = generate();
    app.client
        .chat(plain.expose())
        .await
        .assert_refused(401, "invalid_api_key");
    let new = NewKey {
        organisation_id: app.organisation.id,
        project_id: None,
        name: "late".to_owned(),
        models: None,
        limits: quota(100_000),
        expires_at: None,
    };
    let now = Clock::default().now();
    let made = keys::create(&other, new, &plain.hash(), &plain.display(), now)
        .await
        .unwrap();
    let key = TestKey {
        id: made.id,
        secret: plain.expose().to_owned(),
    };
    within_a_second(&app, &key, None).await;
}

async fn what_another_process_switches_is_obeyed_within_a_second(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let other = app.database.other_process().await;
    let (key, bystander) = (app.key().await, app.key().await);
    for (status, expected) in [
        (KeyStatus::Disabled, Some("key_disabled")),
        (KeyStatus::Active, None),
    ] {
        let patch = KeyPatch {
            status: Some(status),
            ..KeyPatch::default()
        };
        keys::update(&other, key.id, patch, Clock::default().now())
            .await
            .unwrap();
        within_a_second(&app, &key, expected).await;
    }
    let now = Clock::default().now();
    let plain = generate();
    keys::rotate(&other, key.id, &plain.hash(), &plain.display(), now, now)
        .await
        .unwrap();
    within_a_second(&app, &key, Some("invalid_api_key")).await;
    let rotated = TestKey {
        id: key.id,
        secret: plain.expose().to_owned(),
    };
    within_a_second(&app, &rotated, None).await;
    keys::delete(&other, key.id, now).await.unwrap();
    within_a_second(&app, &rotated, Some("invalid_api_key")).await;
    assert_eq!(code(&app, &bystander.secret).await, None);
}

async fn a_flood_of_unknown_keys_leaves_known_ones_alone(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let key = app.key().await;
    assert_eq!(code(&app, &key.secret).await, None);
    let unknown = |_| TestKey {
        id: key.id,
        secret: generate().expose().to_owned(),
    };
    let strangers: Vec<_> = (0..200).map(unknown).collect();
    let body = chat_body("");
    let flood = strangers
        .iter()
        .flat_map(|stranger| at_once(&app, stranger, 3, &body));
    let flood: Vec<_> = flood.collect();
    assert_eq!(code(&app, &key.secret).await, None);
    assert!(statuses(flood).await.iter().all(|status| *status == 401));
    assert_eq!(app.sent().len(), 2);
}

async fn a_new_key_that_many_ask_for_at_once_is_looked_up_once(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let key = app.key().await;
    follows_changes(&app).await;
    let before = lookups(&app);
    let first = at_once(&app, &key, 50, &chat_body(""));
    assert!(statuses(first).await.iter().all(|status| *status == 200));
    assert_eq!(lookups(&app), before + 1);
}

/// How often the store was asked for a key.
fn lookups(app: &TestApp) -> usize {
    let text = app.metrics.text();
    let count = text.split("\ntollgate_key_lookups_total ").nth(1).unwrap();
    count.lines().next().unwrap().parse().unwrap()
}

/// Waits until all changes are followed: what is cached after that stays.
pub async fn follows_changes(app: &TestApp) {
    let marker = app.key().await;
    assert_eq!(code(app, &marker.secret).await, None);
    let disabled = KeyPatch {
        status: Some(KeyStatus::Disabled),
        ..KeyPatch::default()
    };
    keys::update(app.db(), marker.id, disabled, Clock::default().now())
        .await
        .unwrap();
    within_a_second(app, &marker, Some("key_disabled")).await;
}

/// Ways in which Postgres goes away.
async fn without_the_store(take_away: impl Fn(&Proxy)) {
    let mut database = TestDb::postgres().await;
    let proxy = Proxy::before(&mut database).await;
    let provider = Provider::honest().await;
    let app = TestApp::with(database, provider, "[auth]\ngrace = \"2s\"\n").await;
    let key = app.limited_key(quota(1_000_000)).await;
    follows_changes(&app).await;
    assert_eq!(code(&app, &key.secret).await, None);
    take_away(&proxy);
    let taken = Instant::now();
    assert_eq!(code(&app, &key.secret).await, None, "within the grace");
    let stranger = app.client.chat(generate().expose()).await;
    stranger.assert_refused(503, "auth_unavailable");
    assert!(stranger.header("retry-after").is_some());
    app.until("the grace is over", async || {
        let code = code(&app, &key.secret).await?;
        assert_eq!(code, "auth_unavailable", "never a 401 that is not proven");
        Some(())
    })
    .await;
    let graced = taken.elapsed();
    assert!(
        graced > Duration::from_millis(1500) && graced < Duration::from_secs(6),
        "{graced:?}"
    );
    proxy.open();
    app.until("the store is back", async || {
        let code = code(&app, &key.secret).await;
        assert_ne!(code.as_deref(), Some("invalid_api_key"));
        code.is_none().then_some(())
    })
    .await;
    let sent = app.sent().len();
    let booked = app.booked(sent).await;
    assert_eq!(booked.len(), sent, "every call is booked once");
    let tokens: i64 = booked.iter().map(|call| call.total_tokens).sum();
    assert_eq!(
        tokens,
        i64::try_from(app.provider.reported().total()).unwrap()
    );
    let scope = tollgate::domain::tenant::ScopeId::Key(key.id);
    let now = Clock::default().now();
    let rows = tollgate::store::budgets::current(app.db(), scope, now)
        .await
        .unwrap();
    let own = booked.iter().filter(|call| call.key_id == key.id);
    assert_eq!(
        rows[0].1.used,
        own.map(|call| call.total_tokens).sum::<i64>()
    );
}

#[tokio::test]
async fn while_postgres_refuses_known_keys_work_for_the_grace_and_nothing_is_lost() {
    without_the_store(Proxy::cut).await;
}

#[tokio::test]
async fn while_postgres_hangs_known_keys_work_for_the_grace_and_nothing_is_lost() {
    without_the_store(Proxy::freeze).await;
}

#[tokio::test]
async fn a_postgres_that_moved_is_found_again_though_old_connections_never_end() {
    without_the_store(Proxy::strand).await;
}

/// As if the store had never seen the last `count` changes.
async fn forget_changes(db: &Db, count: i64) {
    let forget = [
        "DELETE FROM changes WHERE id > (SELECT n FROM changes_head) - $1",
        "UPDATE changes_head SET n = n - $1",
    ];
    for sql in forget {
        match db {
            Db::Postgres(pool) => sqlx::query(sql).bind(count).execute(pool).await.map(drop),
            Db::Sqlite(pools) => {
                let pool = pools.writer();
                sqlx::query(sql).bind(count).execute(pool).await.map(drop)
            }
        }
        .unwrap();
    }
}

async fn a_key_that_is_deleted_after_the_store_was_set_back_is_refused_within_a_second(
    database: TestDb,
) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let other = app.database.other_process().await;
    let keys = [app.key().await, app.key().await, app.key().await];
    let now = || Clock::default().now();
    for (lost, key) in keys.iter().enumerate() {
        within_a_second(&app, key, None).await;
        let change = async || {
            let patch = KeyPatch::default();
            keys::update(&other, key.id, patch, now()).await.unwrap();
        };
        for _ in 0..3 {
            change().await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        within_a_second(&app, key, None).await;
        forget_changes(&other, 3).await;
        // The list is behind what was seen, as far, or ahead of it.
        for _ in 0..lost * 2 {
            app.key().await;
        }
        keys::delete(&other, key.id, now()).await.unwrap();
        within_a_second(&app, key, Some("invalid_api_key")).await;
    }
}
