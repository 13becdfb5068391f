//! Several gateways on one Postgres: limits hold for all of them together.

use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::leases::{self, Ask, Holder};
use tollgate::store::{Db, ledger_check};
use uuid::Uuid;

use super::limits::{at_once, quota, statuses};
use crate::provider::Provider;
use crate::support::app::{TestApp, TestKey};
use crate::support::client::{CHAT, Client, chat_body};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(a_graceful_stop_gives_all_room_back);

const CAP: i64 = 100;
/// What the honest provider reports.
const USED: i64 = 18;

fn body() -> String {
    chat_body(&format!(r#","max_tokens":{CAP}"#))
}

/// Room for `calls` and not for one more.
fn room(calls: i64) -> i64 {
    calls * (i64::try_from(body().len()).unwrap() + CAP) + CAP - 1
}

async fn on_postgres() -> TestApp {
    TestApp::with(TestDb::postgres().await, Provider::honest().await, "").await
}

/// What is used and what is leased of all budgets.
async fn used_and_leased(app: &TestApp) -> (i64, i64) {
    const SUM: &str = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT),
        CAST(COALESCE(SUM(leased), 0) AS BIGINT) FROM budgets";
    match app.db() {
        Db::Postgres(pool) => sqlx::query_as(SUM).fetch_one(pool).await.unwrap(),
        Db::Sqlite(pools) => sqlx::query_as(SUM).fetch_one(pools.writer()).await.unwrap(),
    }
}

/// Calls until it is served or for good refused, waiting as it is told; whether it was served.
async fn obey(client: Client, secret: String) -> bool {
    loop {
        let reply = client.post(CHAT, &secret, &body()).await;
        if reply.status == 200 {
            return true;
        }
        if reply.code() == "insufficient_quota" {
            return false;
        }
        reply.assert_refused(429, "quota_held");
        let wait = reply.header("retry-after-ms").unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_calls_fit_a_quota_of_ten_however_many_gateways_share_it() {
    let app = on_postgres().await;
    let others = [app.neighbour().await, app.neighbour().await];
    let amount = room(10);
    let key = app.limited_key(quota(amount)).await;
    app.provider.hold();
    let clients = [&app.client, &others[0].client, &others[1].client];
    let tasks = TaskTracker::new();
    let began = Instant::now();
    let call = |place: usize| {
        let client = clients[place % clients.len()].clone();
        tasks.spawn(obey(client, key.secret.clone()))
    };
    let calls: Vec<_> = (0..60).map(call).collect();
    app.provider.waiting(10).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    // By now each of the others was refused at least once, and tries again.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(app.provider.held(), 10);
    app.provider.release();
    let mut served = 0;
    for call in calls {
        served += i64::from(call.await.unwrap());
    }
    app.booked(usize::try_from(served).unwrap()).await;
    app.until("everything is booked", async || {
        (used_and_leased(&app).await.0 == served * USED).then_some(())
    })
    .await;
    // All is usable: whoever was refused for good did not fit any more.
    assert_eq!(served, 60);
    assert!(served * USED <= amount);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_is_used_up_by_all_gateways_together_and_not_passed() {
    let app = on_postgres().await;
    let other = app.neighbour().await;
    let amount = room(4);
    let key = app.limited_key(quota(amount)).await;
    let tasks = TaskTracker::new();
    let call = |place: usize| {
        let client = if place.is_multiple_of(2) {
            &app.client
        } else {
            &other.client
        };
        tasks.spawn(obey(client.clone(), key.secret.clone()))
    };
    let calls: Vec<_> = (0..80).map(call).collect();
    let mut served = 0;
    for call in calls {
        served += i64::from(call.await.unwrap());
    }
    let needed = room(1) - CAP + 1;
    assert!(
        served * USED <= amount && served * USED + needed > amount,
        "{served}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_room_of_one_gateway_serves_the_calls_of_another() {
    let app = on_postgres().await;
    let other = app.neighbour().await;
    let key = app.limited_key(quota(room(3))).await;
    let chat = async |client: &Client| client.post(CHAT, &key.secret, &body()).await.status;
    // The first takes half of what is free and keeps what it did not use.
    assert_eq!(chat(&app.client).await, 200);
    app.provider.hold();
    let running = {
        let tasks = TaskTracker::new();
        let spawn = |_| tasks.spawn(obey(other.client.clone(), key.secret.clone()));
        (0..2).map(spawn).collect::<Vec<_>>()
    };
    app.provider.waiting(2).await;
    app.provider.release();
    for call in running {
        assert!(call.await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_on_one_gateway_is_obeyed_by_all_within_a_second() {
    let app = on_postgres().await;
    let other = app.neighbour().await;
    let key = app.limited_key(quota(1_000_000)).await;
    for client in [&app.client, &other.client] {
        assert_eq!(client.post(CHAT, &key.secret, &body()).await.status, 200);
    }
    set(&app, &key, 10).await;
    let edited = Instant::now();
    for client in [&app.client, &other.client] {
        app.until("the edit is obeyed", async || {
            let reply = client.post(CHAT, &key.secret, &body()).await;
            (reply.status == 429).then_some(())
        })
        .await;
    }
    assert!(edited.elapsed() < Duration::from_secs(1));
    app.until("room above the limit is given back", async || {
        (used_and_leased(&app).await.1 == 0).then_some(())
    })
    .await;
}

async fn set(app: &TestApp, key: &TestKey, amount: i64) {
    let patch = KeyPatch {
        limits: Some(quota(amount).into()),
        ..KeyPatch::default()
    };
    keys::update(app.db(), key.id, patch, now()).await.unwrap();
}

fn now() -> Timestamp {
    Clock::default().now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_of_a_process_that_is_gone_is_missed_until_its_journal_is_booked() {
    let app = on_postgres().await;
    let amount = room(4);
    let key = app.limited_key(quota(amount)).await;
    let chat = async || app.client.post(CHAT, &key.secret, &body()).await;
    assert_eq!(chat().await.status, 200);
    app.booked(1).await;
    let gone = Holder {
        instance: Uuid::now_v7(),
        epoch: 1,
    };
    leases::register(app.db(), &gone, now()).await.unwrap();
    let budget = budget(&app).await;
    // Whatever the gateway has idle goes back when it is recalled.
    leases::recall(app.db(), &[budget], now()).await.unwrap();
    let ask = Ask {
        lease: Uuid::now_v7(),
        budget,
        need: amount - USED,
    };
    app.until("all room is the other's", async || {
        let answers = leases::grant(app.db(), &gone, &[ask], now()).await.unwrap();
        (answers[0].granted > 0).then_some(())
    })
    .await;
    let later = now().plus(Duration::from_secs(61));
    assert!(leases::suspect_expired(app.db(), later).await.unwrap() > 0);
    let refused = chat().await;
    refused.assert_refused(429, "quota_held");
    assert_eq!(refused.header("retry-after"), Some("30"));
    leases::close_predecessors(app.db(), gone.instance, 2, now())
        .await
        .unwrap();
    app.until("its room is free again", async || {
        (chat().await.status == 200).then_some(())
    })
    .await;
    assert_eq!(ledger_check::verify(app.db()).await.unwrap(), []);
}

async fn budget(app: &TestApp) -> Uuid {
    let Db::Postgres(pool) = app.db() else {
        panic!("this is about Postgres");
    };
    let budget = sqlx::query_scalar("SELECT id FROM budgets");
    budget.fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_another_took_over_from_stops() {
    let mut app = on_postgres().await;
    let Db::Postgres(pool) = app.db() else {
        panic!("this is about Postgres");
    };
    let holder = sqlx::query_as("SELECT id, epoch FROM instances");
    let (instance, epoch): (Uuid, i64) = holder.fetch_one(pool).await.unwrap();
    let next = Holder {
        instance,
        epoch: epoch + 1,
    };
    let key = app.limited_key(quota(room(4))).await;
    leases::register(app.db(), &next, now()).await.unwrap();
    // It finds out by this call or by its heartbeat, and may have stopped before the call comes.
    if let Ok(refused) = app.client.try_open(CHAT, &key.secret, &body()).await {
        let refused = refused.read().await;
        let codes = ["ledger_unavailable", "shutting_down"];
        assert!(codes.contains(&&*refused.code()), "{}", refused.text());
    }
    let error = app.failed().await;
    assert!(error.contains("took over"), "{error}");
    assert_eq!(app.sent().len(), 0, "a call was sent without room for it");
}

async fn a_graceful_stop_gives_all_room_back(database: TestDb) {
    let mut app = TestApp::with(database, Provider::honest().await, "").await;
    let key = app.limited_key(quota(1_000_000)).await;
    let calls = at_once(&app, &key, 20, &body());
    assert_eq!(statuses(calls).await, [200; 20]);
    assert!(used_and_leased(&app).await.1 > 0);
    app.stop().await;
    assert_eq!(used_and_leased(&app).await, (20 * USED, 0));
}
