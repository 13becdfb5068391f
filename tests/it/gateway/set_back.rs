//! Postgres under a running gateway goes back in time, as when a standby that lagged behind takes over:
//! the calls that it lacks are booked again, and none under what another call is.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use tollgate::store::{Db, ledger_check};

use super::limits::quota;
use crate::provider::Provider;
use crate::support::app::{TestApp, TestKey};
use crate::support::client::CHAT;
use crate::support::db::TestDb;
use crate::support::standby;

const OF_KEY: &str = "SELECT COUNT(*) FROM events e JOIN kinds k ON k.id = e.kind_id
    WHERE k.key_id = $1";
const USED: &str = "SELECT CAST(SUM(used) AS BIGINT) FROM budgets";

async fn on_postgres() -> TestApp {
    TestApp::with(TestDb::postgres().await, Provider::honest().await, "").await
}

fn pool(app: &TestApp) -> &PgPool {
    match app.db() {
        Db::Postgres(pool) => pool,
        Db::Sqlite(_) => panic!("a file is not set back while it is open"),
    }
}

/// A served call for `model`.
async fn call(app: &TestApp, key: &TestKey, model: &str) {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello"}}]}}"#);
    let served = app.client.post(CHAT, &key.secret, &body).await;
    assert_eq!(served.status, 200);
}

async fn of_key(app: &TestApp, key: &TestKey) -> i64 {
    let count = sqlx::query_scalar(OF_KEY).bind(key.id);
    count.fetch_one(pool(app)).await.unwrap()
}

/// Three calls that the standby has, and three that it lacks. Answers what all of them used.
async fn lose_three(app: &TestApp, key: &TestKey) -> i64 {
    for _ in 0..3 {
        call(app, key, "early").await;
    }
    app.booked(3).await;
    standby::lag(pool(app)).await;
    for _ in 0..3 {
        call(app, key, "late").await;
    }
    app.booked(6).await;
    let used = sqlx::query_scalar(USED).fetch_one(pool(app)).await;
    standby::promote(pool(app)).await;
    assert_eq!(of_key(app, key).await, 3);
    used.unwrap()
}

async fn until_booked(app: &TestApp, key: &TestKey, count: i64) {
    let began = Instant::now();
    while of_key(app, key).await != count {
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ledger_check::verify(app.db()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_a_promoted_standby_lacks_are_booked_again_though_no_more_come() {
    let app = on_postgres().await;
    let key = app.limited_key(quota(1_000_000)).await;
    let used = lose_three(&app, &key).await;
    until_booked(&app, &key, 6).await;
    let again: i64 = sqlx::query_scalar(USED)
        .fetch_one(pool(&app))
        .await
        .unwrap();
    assert_eq!(again, used);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_booked_as_what_another_gateway_made_of_its_number() {
    let app = on_postgres().await;
    let other = app.neighbour().await;
    let (key, stranger) = (app.limited_key(quota(1_000_000)).await, app.key().await);
    lose_three(&app, &key).await;
    // Its kind takes the number that the lost one had.
    assert_eq!(other.client.chat(&stranger.secret).await.status, 200);
    until_booked(&app, &stranger, 1).await;
    call(&app, &key, "late").await;
    until_booked(&app, &key, 7).await;
    assert_eq!(of_key(&app, &stranger).await, 1);
}
