//! Limits per minute and calls in flight: how they refuse, when they let go, what they tell.

use std::time::{Duration, Instant};

use tollgate::domain::key::PlainKey;
use tollgate::domain::limits::Limits;
use tollgate::domain::quota::Period;
use tollgate::domain::time::Clock;
use tollgate::store::Db;
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::projects::{self, ProjectPatch};
use tollgate::store::refusals;

use super::limits::{at_once, quota};
use crate::provider::{Usage, completion};
use crate::support::app::{TestApp, TestKey};
use crate::support::client::{CHAT, chat_body};

fn a_minute(requests: u32) -> Limits {
    Limits {
        requests_per_minute: Some(requests),
        ..Limits::default()
    }
}

fn tokens_a_minute(tokens: u32) -> Limits {
    Limits {
        tokens_per_minute: Some(tokens),
        ..Limits::default()
    }
}

async fn edit(app: &TestApp, key: &TestKey, limits: Limits) {
    let patch = KeyPatch {
        limits: Some(limits.into()),
        ..KeyPatch::default()
    };
    keys::update(app.db(), key.id, patch, Clock::default().now())
        .await
        .unwrap();
}

#[tokio::test]
async fn of_six_calls_at_once_the_sixth_is_refused_and_a_place_is_free_at_once_when_one_leaves() {
    let app = TestApp::start().await;
    let limits = Limits {
        concurrency: Some(5),
        ..Limits::default()
    };
    let key = app.limited_key(limits).await;
    app.provider.hold();
    let mut running = at_once(&app, &key, 5, &chat_body(r#","stream":true"#));
    app.provider.waiting(5).await;
    let sixth = app.client.chat(&key.secret).await;
    sixth.assert_refused(429, "concurrency_limit_exceeded");
    assert_eq!(sixth.header("retry-after"), Some("1"));
    running.pop().unwrap().abort();
    app.provider.cancelled(1).await;
    let left = Instant::now();
    let mut next = at_once(&app, &key, 1, &chat_body(""));
    while app.provider.held() < 5 {
        if next[0].is_finished() {
            assert!(left.elapsed() < Duration::from_millis(100), "still taken");
            next = at_once(&app, &key, 1, &chat_body(""));
        }
        tokio::task::yield_now().await;
    }
    app.provider.release();
    for call in running.into_iter().chain(next) {
        assert_eq!(call.await.unwrap().status, 200);
    }
    for _ in 0..6 {
        assert_eq!(app.client.chat(&key.secret).await.status, 200);
    }
}

#[tokio::test]
async fn a_stream_that_is_left_before_it_began_keeps_its_estimate() {
    let app = TestApp::start().await;
    let key = app.limited_key(tokens_a_minute(10)).await;
    app.provider.hold();
    let call = at_once(&app, &key, 1, &chat_body(r#","stream":true"#));
    app.provider.waiting(1).await;
    call[0].abort();
    app.booked(1).await;
    app.client
        .chat(&key.secret)
        .await
        .assert_refused(429, "rate_limit_exceeded");
}

#[tokio::test]
async fn waiting_as_told_works_for_tokens_and_for_requests() {
    let app = TestApp::start().await;
    app.provider
        .direct(|seen| completion(seen, Usage::new(1000, 120)).script());
    for limits in [tokens_a_minute(1000), a_minute(120)] {
        let key = app.limited_key(limits).await;
        let refused = loop {
            let answer = app.client.chat(&key.secret).await;
            if answer.status == 429 {
                break answer;
            }
        };
        refused.assert_refused(429, "rate_limit_exceeded");
        assert_eq!(refused.header("x-should-retry"), None);
        let told: u64 = refused.header("retry-after-ms").unwrap().parse().unwrap();
        let rounded: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert_eq!(rounded, told.div_ceil(1000));
        tokio::time::sleep(Duration::from_millis(told)).await;
        let answer = app.client.chat(&key.secret).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn the_tightest_of_three_scopes_is_told_in_go_durations() {
    let app = TestApp::start().await;
    let now = Clock::default().now();
    let patch = ProjectPatch {
        limits: Some(
            Limits {
                tokens_per_minute: Some(500),
                requests_per_minute: Some(1),
                ..Limits::default()
            }
            .into(),
        ),
        ..ProjectPatch::default()
    };
    let project = projects::list(app.db(), app.organisation.id).await.unwrap();
    projects::update(app.db(), app.organisation.id, project[0].id, patch, now)
        .await
        .unwrap();
    let key = app.limited_key(Limits {
        tokens_per_minute: Some(60_000),
        ..a_minute(600)
    });
    let key = key.await;
    for _ in 0..2 {
        let answer = app
            .client
            .post(CHAT, &key.secret, &chat_body(r#","stream":true"#))
            .await;
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("1"));
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
        assert_eq!(answer.header("x-ratelimit-limit-tokens"), Some("500"));
        for header in ["x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"] {
            let reset = answer.header(header).unwrap();
            let is_duration = reset.ends_with('s') && !reset.contains(' ');
            assert!(is_duration && reset != "0s", "{header}: {reset}");
        }
    }
    let refused = app.client.chat(&key.secret).await;
    refused.assert_refused(429, "rate_limit_exceeded");
    assert!(
        refused.text().contains("this project"),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn reloads_edits_and_rotation_give_no_second_burst() {
    let app = TestApp::start().await;
    let key = app.limited_key(a_minute(2)).await;
    for _ in 0..2 {
        assert_eq!(app.client.chat(&key.secret).await.status, 200);
    }
    let plain = PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap());
    let (hash, display, now) = (plain.hash(), plain.display(), Clock::default().now());
    let grace = now.plus(Duration::from_mins(1));
    keys::rotate(app.db(), key.id, &hash, &display, grace, now)
        .await
        .unwrap();
    edit(
        &app,
        &key,
        Limits {
            concurrency: Some(7),
            ..a_minute(2)
        },
    )
    .await;
    let secrets = [key.secret.as_str(), plain.expose()];
    app.until("the new secret is known", async || {
        let answer = app.client.chat(plain.expose()).await;
        (answer.status != 401).then_some(())
    })
    .await;
    for secret in secrets {
        app.client
            .chat(secret)
            .await
            .assert_refused(429, "rate_limit_exceeded");
    }
    assert_eq!(app.sent().len(), 2);
}

#[tokio::test]
async fn a_raised_limit_is_obeyed_within_a_second() {
    let app = TestApp::start().await;
    let key = app.limited_key(a_minute(0)).await;
    assert_eq!(app.client.chat(&key.secret).await.status, 429);
    let edited = Instant::now();
    edit(&app, &key, a_minute(1000)).await;
    app.until("the edit is obeyed", async || {
        (app.client.chat(&key.secret).await.status == 200).then_some(())
    })
    .await;
    assert!(edited.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn refusals_are_counted_by_code_and_are_no_calls() {
    let app = TestApp::start().await;
    let key = app.limited_key(a_minute(1)).await;
    for _ in 0..3 {
        app.client.chat(&key.secret).await;
    }
    app.client.post(CHAT, &key.secret, "{").await;
    let Db::Sqlite(pools) = app.db() else { return };
    app.until("the refusals are written", async || {
        let counts: Vec<(String, i64)> = sqlx::query_as(
            "SELECT code, count FROM refusals_hourly WHERE key_id = $1 ORDER BY code",
        )
        .bind(key.id.0)
        .fetch_all(pools.writer())
        .await
        .unwrap();
        let expected = [
            ("invalid_json".to_owned(), 1),
            ("rate_limit_exceeded".to_owned(), 2),
        ];
        (counts == expected).then_some(())
    })
    .await;
    assert_eq!(app.booked(1).await.len(), 1);
}

#[tokio::test]
async fn the_last_refusals_of_a_key_name_the_limit_and_when_it_frees_up() {
    let app = TestApp::start().await;
    let key = app.limited_key(a_minute(1)).await;
    app.client.chat(&key.secret).await;
    let refused = app.client.chat(&key.secret).await;
    let spent = app.limited_key(quota(5)).await;
    app.client.chat(&spent.secret).await;
    let last = async |key: &TestKey| {
        app.until("a refusal is written", async || {
            let last = refusals::last(app.db(), app.organisation.id, key.id).await;
            last.unwrap().pop()
        })
        .await
    };
    let row = last(&key).await;
    assert_eq!(
        Some(row.id.to_string().as_str()),
        refused.header("x-request-id")
    );
    assert_eq!(row.code, "rate_limit_exceeded");
    assert_eq!(row.scope.as_deref(), Some("key"));
    assert_eq!(row.rule.as_deref(), Some("requests_per_minute"));
    assert_eq!(row.amount, Some(1));
    let wait = row.frees_at.unwrap().since(row.at);
    assert!((30..=60).contains(&wait.as_secs()), "{wait:?}");
    let row = last(&spent).await;
    assert_eq!(row.code, "insufficient_quota");
    assert_eq!((row.rule.as_deref(), row.amount), (Some("quota"), Some(5)));
    assert_eq!(row.frees_at, Period::Month.end(row.at));
}
