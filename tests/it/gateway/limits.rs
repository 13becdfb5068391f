//! Limits under pressure: many calls at once, and exactly as many pass as may.

use std::time::Duration;

use tokio_util::task::TaskTracker;
use tollgate::domain::limits::{Limits, TokenQuota, TokenUnit};
use tollgate::domain::quota::Period;
use tollgate::domain::time::Clock;
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::organisations::{self, OrganisationPatch};

use crate::provider::{EventStream, Gate, Provider, Usage, completion, sse};
use crate::support::app::{TestApp, TestKey};
use crate::support::client::{CHAT, Reply, chat_body};
use crate::support::db::{TestDb, on_both_engines};

pub(super) fn quota(amount: i64) -> Limits {
    let (unit, period) = (TokenUnit::Tokens, Period::Month);
    Limits {
        quota: Some(TokenQuota {
            unit,
            amount,
            period,
        }),
        ..Limits::default()
    }
}

/// Sends `count` calls at once.
pub(super) fn at_once(
    app: &TestApp,
    key: &TestKey,
    count: usize,
    body: &str,
) -> Vec<tokio::task::JoinHandle<Reply>> {
    let tasks = TaskTracker::new();
    let call = |_| {
        let (client, secret, body) = (app.client.clone(), key.secret.clone(), body.to_owned());
        tasks.spawn(async move { client.post(CHAT, &secret, &body).await })
    };
    (0..count).map(call).collect()
}

pub(super) async fn statuses(calls: Vec<tokio::task::JoinHandle<Reply>>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap().status.as_u16());
    }
    statuses
}

on_both_engines!(
    forty_calls_at_once_on_ten_a_minute_are_ten,
    two_hundred_calls_at_once_on_room_for_ten_are_ten,
);

async fn forty_calls_at_once_on_ten_a_minute_are_ten(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let limits = Limits {
        requests_per_minute: Some(10),
        ..Limits::default()
    };
    let key = app.limited_key(limits).await;
    let statuses = statuses(at_once(&app, &key, 40, &chat_body(""))).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 30);
    assert_eq!(app.sent().len(), 10);
}

async fn two_hundred_calls_at_once_on_room_for_ten_are_ten(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let cap = 100;
    let body = chat_body(&format!(r#","max_tokens":{cap}"#));
    let amount = 10 * (i64::try_from(body.len()).unwrap() + cap) + cap - 1;
    // The first calls ever of this key, with nothing cached.
    let key = app.limited_key(quota(amount)).await;
    app.provider.hold();
    let calls = at_once(&app, &key, 200, &body);
    app.provider.waiting(10).await;
    let mut refused = 0;
    app.until("190 calls are refused", async || {
        refused = calls.iter().filter(|call| call.is_finished()).count();
        (refused == 190).then_some(())
    })
    .await;
    assert_eq!(app.provider.held(), 10);
    app.provider.release();
    let statuses = statuses(calls).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    assert_eq!(app.booked(10).await.len(), 10);
}

#[tokio::test]
async fn a_used_up_quota_is_final_and_a_held_one_is_not() {
    let app = TestApp::start().await;
    let body = chat_body(r#","max_tokens":50"#);
    let room = i64::try_from(body.len()).unwrap() + 50;
    let key = app.limited_key(quota(room + 10)).await;
    app.provider.hold();
    let first = at_once(&app, &key, 1, &body);
    app.provider.waiting(1).await;
    let held = app.client.post(CHAT, &key.secret, &body).await;
    held.assert_refused(429, "quota_held");
    assert_eq!(held.header("retry-after"), Some("1"));
    assert_eq!(held.header("x-should-retry"), None);
    assert_eq!(held.header("x-tollgate-quota-remaining"), Some("10"));
    app.provider.release();
    statuses(first).await;
    // The first call used 18 of what it held.
    let second = app.client.post(CHAT, &key.secret, &body).await;
    second.assert_refused(429, "insufficient_quota");
    assert_eq!(second.json()["error"]["type"], "insufficient_quota");
    assert_eq!(second.header("x-should-retry"), Some("false"));
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn a_small_quota_is_usable_by_a_call_without_a_cap() {
    let app = TestApp::start().await;
    let key = app.limited_key(quota(500)).await;
    let body = chat_body("");
    let answer = app.client.post(CHAT, &key.secret, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cap: i64 = answer
        .header("x-tollgate-output-cap")
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(cap, 250);
    assert_eq!(app.last_sent().json()["max_completion_tokens"], 250);
    let own = app
        .client
        .post(CHAT, &key.secret, &chat_body(r#","max_tokens":4000"#))
        .await;
    assert_eq!(own.status, 200);
    let sent = app.last_sent().json();
    assert!(sent["max_tokens"].as_i64().unwrap() < 4000 && sent["max_completion_tokens"].is_null());
}

#[tokio::test]
async fn a_call_that_no_budget_covers_is_not_touched() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let answer = app.client.chat(&key.secret).await;
    assert_eq!(answer.header("x-tollgate-output-cap"), None);
    assert_eq!(answer.header("x-tollgate-quota-remaining"), None);
    assert_eq!(app.last_sent().body, chat_body("").as_bytes());
}

#[tokio::test]
async fn a_refused_call_draws_from_no_budget() {
    let app = TestApp::start().await;
    let patch = OrganisationPatch {
        limits: Some(quota(100_000).into()),
        ..OrganisationPatch::default()
    };
    organisations::update(app.db(), app.organisation.id, patch, Clock::default().now())
        .await
        .unwrap();
    let key = app.limited_key(quota(0)).await;
    let refused = app.client.chat(&key.secret).await;
    refused.assert_refused(429, "insufficient_quota");
    assert!(refused.text().contains("This key"), "{}", refused.text());
    let other = app.key().await;
    let answer = app
        .client
        .post(CHAT, &other.secret, &chat_body(r#","max_tokens":20"#))
        .await;
    let held = i64::try_from(chat_body(r#","max_tokens":20"#).len()).unwrap() + 20;
    let left: i64 = answer
        .header("x-tollgate-quota-remaining")
        .unwrap()
        .parse()
        .unwrap();
    assert!((100_000 - held..=100_000 - 18).contains(&left), "{left}");
}

#[tokio::test]
async fn requests_per_day_count_calls_and_not_refusals() {
    let app = TestApp::start().await;
    let limits = Limits {
        requests_per_day: Some(2),
        ..Limits::default()
    };
    let key = app.limited_key(limits).await;
    app.client
        .post(CHAT, &key.secret, "{")
        .await
        .assert_refused(400, "invalid_json");
    for _ in 0..2 {
        assert_eq!(app.client.chat(&key.secret).await.status, 200);
    }
    let refused = app.client.chat(&key.secret).await;
    refused.assert_refused(429, "insufficient_quota");
    assert!(
        refused.text().contains("2 requests per day"),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn a_place_in_flight_is_free_once_the_call_ended_or_its_client_left() {
    let app = TestApp::start().await;
    let limits = Limits {
        concurrency: Some(1),
        ..Limits::default()
    };
    let key = app.limited_key(limits).await;
    let gate = Gate::closed();
    let behind = gate.clone();
    app.provider
        .direct(move |_| EventStream::of([sse::chunk("hi")]).gate(&behind).finish());
    let mut running = app
        .client
        .open(CHAT, &key.secret, &chat_body(r#","stream":true"#))
        .await;
    running.next().await.unwrap();
    let refused = app.client.chat(&key.secret).await;
    refused.assert_refused(429, "concurrency_limit_exceeded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(running);
    gate.release();
    app.until("the place is free", async || {
        (app.client.chat(&key.secret).await.status != 429).then_some(())
    })
    .await;
}

#[tokio::test]
async fn tokens_per_minute_are_corrected_by_what_was_used_and_may_end_in_debt() {
    let app = TestApp::start().await;
    app.provider
        .direct(|seen| completion(seen, Usage::new(100, 900)).script());
    let limits = Limits {
        tokens_per_minute: Some(600),
        ..Limits::default()
    };
    let key = app.limited_key(limits).await;
    let first = app.client.chat(&key.secret).await;
    assert_eq!(first.header("x-ratelimit-limit-tokens"), Some("600"));
    assert_eq!(first.header("x-ratelimit-remaining-tokens"), Some("0"));
    let refused = app.client.chat(&key.secret).await;
    refused.assert_refused(429, "rate_limit_exceeded");
    assert_eq!(refused.json()["error"]["type"], "tokens");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(
        (39..=41).contains(&wait),
        "400 tokens of debt at 10 a second: {wait}"
    );
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn a_limit_of_zero_refuses_for_good() {
    let app = TestApp::start().await;
    let zero = [
        Limits {
            requests_per_minute: Some(0),
            ..Limits::default()
        },
        Limits {
            tokens_per_minute: Some(0),
            ..Limits::default()
        },
        Limits {
            concurrency: Some(0),
            ..Limits::default()
        },
        Limits {
            requests_per_day: Some(0),
            ..Limits::default()
        },
        quota(0),
    ];
    for limits in zero {
        let key = app.limited_key(limits).await;
        let refused = app.client.chat(&key.secret).await;
        assert_eq!(refused.status, 429);
        assert_eq!(
            refused.header("x-should-retry"),
            Some("false"),
            "{}",
            refused.text()
        );
        assert_eq!(refused.header("retry-after"), None, "{}", refused.text());
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn the_tightest_limit_is_told_on_every_answer() {
    let app = TestApp::start().await;
    let outer = Limits {
        requests_per_minute: Some(100),
        ..Limits::default()
    };
    let patch = OrganisationPatch {
        limits: Some(outer.into()),
        ..OrganisationPatch::default()
    };
    organisations::update(app.db(), app.organisation.id, patch, Clock::default().now())
        .await
        .unwrap();
    let limits = Limits {
        requests_per_minute: Some(3),
        ..Limits::default()
    };
    let key = app.limited_key(limits).await;
    let stream = app
        .client
        .post(CHAT, &key.secret, &chat_body(r#","stream":true"#))
        .await;
    assert_eq!(stream.header("x-ratelimit-limit-requests"), Some("3"));
    assert_eq!(stream.header("x-ratelimit-remaining-requests"), Some("2"));
    let bad = app.client.post(CHAT, &key.secret, "{").await;
    assert_eq!(bad.header("x-ratelimit-remaining-requests"), Some("2"));
    for _ in 0..2 {
        app.client.chat(&key.secret).await;
    }
    let refused = app.client.chat(&key.secret).await;
    refused.assert_refused(429, "rate_limit_exceeded");
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"));
    assert!(
        refused
            .header("x-ratelimit-reset-requests")
            .unwrap()
            .ends_with('s')
    );
    let wait: u64 = refused.header("retry-after-ms").unwrap().parse().unwrap();
    assert!((15_000..=20_000).contains(&wait), "{wait}");
}

#[tokio::test]
async fn an_edit_of_a_quota_is_obeyed_and_never_forgets_what_was_used() {
    let app = TestApp::start().await;
    let key = app.limited_key(quota(10)).await;
    app.client
        .chat(&key.secret)
        .await
        .assert_refused(429, "insufficient_quota");
    let set = async |limits: Limits| {
        let patch = KeyPatch {
            limits: Some(limits.into()),
            ..KeyPatch::default()
        };
        keys::update(app.db(), key.id, patch, Clock::default().now())
            .await
            .unwrap();
    };
    let until = async |status: u16| {
        app.until("the edit is obeyed", async || {
            (app.client.chat(&key.secret).await.status == status).then_some(())
        })
        .await;
    };
    set(quota(10_000)).await;
    until(200).await;
    let used = async || {
        let now = Clock::default().now();
        let scope = tollgate::domain::tenant::ScopeId::Key(key.id);
        let rows = tollgate::store::budgets::current(app.db(), scope, now)
            .await
            .unwrap();
        rows.iter().map(|(_, row, _)| row.used).sum::<i64>()
    };
    app.booked(1).await;
    let before = used().await;
    assert!(before >= 18);
    set(quota(5)).await;
    until(429).await;
    // Without a limit counting goes on.
    set(Limits::default()).await;
    until(200).await;
    app.until("the uncounted call is counted", async || {
        (used().await > before).then_some(())
    })
    .await;
    set(quota(before)).await;
    until(429).await;
}

#[tokio::test]
async fn a_stream_outlives_its_key() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let gate = Gate::closed();
    let behind = gate.clone();
    app.provider.direct(move |_| {
        let rest = [
            sse::finish("stop"),
            sse::usage(Usage::new(5, 6)),
            sse::done(),
        ];
        let begun = EventStream::of([sse::chunk("hi")]).gate(&behind);
        rest.into_iter().fold(begun, EventStream::frame).finish()
    });
    let mut running = app
        .client
        .open(CHAT, &key.secret, &chat_body(r#","stream":true"#))
        .await;
    running.next().await.unwrap();
    keys::delete(app.db(), key.id, Clock::default().now())
        .await
        .unwrap();
    app.until("the key is dead", async || {
        (app.client.get("/v1/models", &key.secret).await.status == 401).then_some(())
    })
    .await;
    gate.release();
    let rest = running.read().await;
    assert!(rest.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(app.booked(1).await[0].total_tokens, 11);
    tokio::time::timeout(Duration::from_secs(1), app.provider.finished(1))
        .await
        .unwrap();
}
