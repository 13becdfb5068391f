//! Token quotas and requests per day: hard, never early, and never counted backwards.

use std::time::Duration;

use tollgate::domain::limits::{Limits, TokenQuota, TokenUnit};
use tollgate::domain::quota::Period;
use tollgate::domain::tenant::{KeyStatus, ScopeId};
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::organisations::{self, OrganisationPatch};
use tollgate::store::projects::{self, ProjectPatch};
use tollgate::store::{Db, budgets};

use super::limits::{at_once, quota, statuses};
use crate::provider::{EventStream, Gate, Provider, Usage, completion, sse};
use crate::support::app::{TestApp, TestKey};
use crate::support::client::{CHAT, chat_body};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    calls_draw_from_key_project_and_organisation_together,
    edits_during_traffic_never_step_back,
    what_calls_used_beyond_their_holds_is_not_lent_again_before_it_is_booked,
);

fn now() -> Timestamp {
    Clock::default().now()
}

fn length(body: &str) -> i64 {
    i64::try_from(body.len()).unwrap()
}

async fn edit(app: &TestApp, key: &TestKey, patch: KeyPatch) {
    keys::update(app.db(), key.id, patch, now()).await.unwrap();
}

fn limits(limits: Limits) -> KeyPatch {
    KeyPatch {
        limits: Some(limits.into()),
        ..KeyPatch::default()
    }
}

/// What the store says `scope` used, in all its current budgets.
async fn used(app: &TestApp, scope: ScopeId) -> i64 {
    let rows = budgets::current(app.db(), scope, now()).await.unwrap();
    rows.iter().map(|(_, row, _)| row.used).sum()
}

/// What the gateway says is neither used nor held.
async fn left(app: &TestApp, key: &TestKey) -> i64 {
    let answer = app.client.get("/v1/models", &key.secret).await;
    let left = answer.header("x-tollgate-quota-remaining").unwrap();
    left.parse().unwrap()
}

async fn calls_draw_from_key_project_and_organisation_together(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let body = chat_body(r#","max_tokens":100"#);
    let room = |calls: i64| calls * (length(&body) + 100) + 99;
    let organisation = OrganisationPatch {
        limits: Some(quota(room(6)).into()),
        ..OrganisationPatch::default()
    };
    organisations::update(app.db(), app.organisation.id, organisation, now())
        .await
        .unwrap();
    let project = projects::list(app.db(), app.organisation.id).await.unwrap()[0].id;
    let patch = ProjectPatch {
        limits: Some(quota(room(5)).into()),
        ..ProjectPatch::default()
    };
    projects::update(app.db(), app.organisation.id, project, patch, now())
        .await
        .unwrap();
    let (one, two) = (
        app.limited_key(quota(room(3))).await,
        app.limited_key(quota(room(3))).await,
    );
    app.provider.hold();
    let mut calls = at_once(&app, &one, 20, &body);
    calls.extend(at_once(&app, &two, 20, &body));
    app.provider.waiting(5).await;
    app.until("35 calls are refused", async || {
        let refused = calls.iter().filter(|call| call.is_finished()).count();
        (refused == 35).then_some(())
    })
    .await;
    assert_eq!(app.provider.held(), 5);
    app.provider.release();
    let passed = statuses(calls).await;
    assert_eq!(passed.iter().filter(|status| **status == 200).count(), 5);
    app.booked(5).await;
    let scopes = [
        ScopeId::Organisation(app.organisation.id),
        ScopeId::Project(project),
    ];
    for scope in scopes {
        assert_eq!(used(&app, scope).await, 5 * 18);
    }
    let keys = used(&app, ScopeId::Key(one.id)).await + used(&app, ScopeId::Key(two.id)).await;
    assert_eq!(keys, 5 * 18);
    assert_eq!(
        left(&app, &one).await.min(left(&app, &two).await),
        room(3) - 3 * 18
    );
}

async fn edits_during_traffic_never_step_back(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let key = app.limited_key(quota(1_000_000)).await;
    let body = chat_body(r#","max_tokens":10"#);
    let traffic = at_once(&app, &key, 60, &body);
    let mut before = 0;
    for round in 0..20 {
        let name = Some(format!("renamed {round}"));
        let new = quota(1_000_000 + round);
        edit(
            &app,
            &key,
            KeyPatch {
                name,
                ..limits(new)
            },
        )
        .await;
        let after = used(&app, ScopeId::Key(key.id)).await;
        assert!(after >= before, "{after} < {before}");
        before = after;
    }
    let statuses = statuses(traffic).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    app.booked(60).await;
    assert_eq!(used(&app, ScopeId::Key(key.id)).await, 60 * 18);
}

/// Each call holds so much that more room is asked for while it runs, and then uses far more.
async fn what_calls_used_beyond_their_holds_is_not_lent_again_before_it_is_booked(
    database: TestDb,
) {
    let (keys, used_up) = (24, 910);
    let provider = Provider::start(|seen| completion(seen, Usage::new(890, 20)).script()).await;
    let app = TestApp::with(database, provider, "").await;
    let (first, next) = (chat_body(r#","max_tokens":250"#), chat_body(""));
    let spend = async || {
        let key = app.limited_key(quota(1000)).await;
        let passed = app.client.post(CHAT, &key.secret, &first).await;
        assert_eq!(passed.status, 200, "{}", passed.text());
        loop {
            let is_booked = used(&app, ScopeId::Key(key.id)).await == used_up;
            let refused = app.client.post(CHAT, &key.secret, &next).await;
            refused.assert_refused(429, "insufficient_quota");
            assert_eq!(left(&app, &key).await, 1000 - used_up);
            if is_booked {
                return;
            }
        }
    };
    futures_util::future::join_all((0..keys).map(|_| spend())).await;
    assert_eq!(app.sent().len(), keys);
}

#[tokio::test]
async fn retrying_a_held_quota_as_told_works_once_calls_end() {
    let app = TestApp::start().await;
    let body = chat_body(r#","max_tokens":50"#);
    let key = app.limited_key(quota(length(&body) + 50 + 18)).await;
    app.provider.hold();
    let first = at_once(&app, &key, 1, &body);
    app.provider.waiting(1).await;
    let held = app.client.post(CHAT, &key.secret, &body).await;
    held.assert_refused(429, "quota_held");
    assert_eq!(held.json()["error"]["type"], "requests");
    app.provider.release();
    statuses(first).await;
    let told = held.header("retry-after").unwrap().parse().unwrap();
    tokio::time::sleep(Duration::from_secs(told)).await;
    let again = app.client.post(CHAT, &key.secret, &body).await;
    assert_eq!(again.status, 200, "{}", again.text());
    let last = app.client.post(CHAT, &key.secret, &body).await;
    last.assert_refused(429, "insufficient_quota");
    assert_eq!(last.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn a_shrunk_cap_goes_where_the_endpoint_reads_it() {
    let app = TestApp::start().await;
    let key = app.limited_key(quota(500)).await;
    let body = r#"{"model":"m","prompt":"hello"}"#;
    let answer = app.client.post("/v1/completions", &key.secret, body).await;
    assert_eq!(answer.header("x-tollgate-output-cap"), Some("250"));
    let sent = app.last_sent().json();
    assert_eq!(sent["max_tokens"], 250);
    assert!(sent["max_completion_tokens"].is_null());
}

#[tokio::test]
async fn a_quota_lowered_below_its_use_lets_calls_finish_and_admits_no_more() {
    let app = TestApp::start().await;
    let body = chat_body(r#","max_tokens":100"#);
    let key = app.limited_key(quota(100_000)).await;
    app.provider.hold();
    let running = at_once(&app, &key, 3, &body);
    app.provider.waiting(3).await;
    edit(&app, &key, limits(quota(20))).await;
    app.until("the edit is obeyed", async || {
        (left(&app, &key).await == 0).then_some(())
    })
    .await;
    let refused = app.client.post(CHAT, &key.secret, &body).await;
    refused.assert_refused(429, "insufficient_quota");
    app.provider.release();
    assert_eq!(statuses(running).await, [200; 3]);
    app.booked(3).await;
    assert_eq!(used(&app, ScopeId::Key(key.id)).await, 54);
    edit(&app, &key, limits(quota(100_000))).await;
    app.until("the raise is obeyed", async || {
        (app.client.post(CHAT, &key.secret, &body).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_disabled_in_the_middle_of_a_stream_lets_it_finish_and_pays() {
    let app = TestApp::start().await;
    let key = app.limited_key(quota(100_000)).await;
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
    let body = chat_body(r#","stream":true"#);
    let mut running = app.client.open(CHAT, &key.secret, &body).await;
    running.next().await.unwrap();
    let disabled = KeyPatch {
        status: Some(KeyStatus::Disabled),
        ..KeyPatch::default()
    };
    edit(&app, &key, disabled).await;
    app.until("the key is dead", async || {
        (app.client.get("/v1/models", &key.secret).await.status == 401).then_some(())
    })
    .await;
    gate.release();
    assert!(running.read().await.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(app.booked(1).await[0].total_tokens, 11);
    assert_eq!(used(&app, ScopeId::Key(key.id)).await, 11);
}

#[tokio::test]
async fn limits_that_make_no_sense_in_the_store_fail_closed_and_alone() {
    let app = TestApp::start().await;
    let (broken, fine) = (app.limited_key(quota(0)).await, app.key().await);
    let Db::Sqlite(pools) = app.db() else { return };
    let nonsense = r#"UPDATE keys SET limits = '{"quota":{"amount":-5}}' WHERE id = $1"#;
    let nonsense = sqlx::query(nonsense).bind(broken.id.0);
    nonsense.execute(pools.writer()).await.unwrap();
    let refused = app.client.chat(&broken.secret).await;
    refused.assert_refused(503, "auth_unavailable");
    assert_eq!(app.client.chat(&fine.secret).await.status, 200);
    let negative = sqlx::query("UPDATE budgets SET used = -1").execute(pools.writer());
    let budget = budgets::current(app.db(), ScopeId::Key(fine.id), now());
    assert!(
        budget.await.unwrap().is_empty()
            && negative.await.is_ok_and(|done| done.rows_affected() == 0)
    );
}

#[tokio::test]
async fn a_hold_over_midnight_is_charged_to_the_day_it_began() {
    let eve = Timestamp::parse("2026-11-30T23:59:30Z").unwrap();
    let clock = Clock::fixed(eve);
    let provider = Provider::honest().await;
    let app = TestApp::at(clock.clone(), TestDb::sqlite().await, provider, "").await;
    let (unit, period) = (TokenUnit::Tokens, Period::Day);
    let body = chat_body(r#","max_tokens":50"#);
    let amount = length(&body) + 60;
    let key = app.limited_key(Limits {
        quota: Some(TokenQuota {
            unit,
            amount,
            period,
        }),
        requests_per_day: Some(1),
        ..Limits::default()
    });
    let key = key.await;
    app.provider.hold();
    let over_midnight = at_once(&app, &key, 1, &body);
    app.provider.waiting(1).await;
    let refused = app.client.post(CHAT, &key.secret, &body).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    clock.advance(Duration::from_mins(1));
    app.provider.release();
    assert_eq!(statuses(over_midnight).await, [200]);
    let today = app.client.post(CHAT, &key.secret, &body).await;
    assert_eq!(today.status, 200, "{}", today.text());
    let spent = app.client.post(CHAT, &key.secret, &body).await;
    spent.assert_refused(429, "insufficient_quota");
    app.booked(2).await;
    for at in [eve, clock.now()] {
        let rows = budgets::current(app.db(), ScopeId::Key(key.id), at)
            .await
            .unwrap();
        let used: Vec<_> = rows.iter().map(|(_, row, _)| row.used).collect();
        assert_eq!((used.len(), used.iter().sum::<i64>()), (2, 18 + 1), "{at}");
    }
}

#[tokio::test]
async fn nothing_stays_held_whenever_clients_leave() {
    let app = TestApp::start().await;
    let amount = 10_000_000;
    let key = app.limited_key(quota(amount)).await;
    app.provider.direct(|seen| {
        if seen.wants_stream() {
            let slow = [
                sse::chunk("a"),
                sse::chunk("b"),
                sse::finish("stop"),
                sse::done(),
            ];
            let paced = slow.into_iter().fold(EventStream::new(), |stream, frame| {
                stream.frame(frame).wait(Duration::from_millis(1))
            });
            return paced.finish();
        }
        completion(seen, Usage::new(3, 4))
            .script()
            .after(Duration::from_millis(2))
    });
    for round in 0..120_u64 {
        let extra = if round % 2 == 0 {
            r#","max_tokens":9"#
        } else {
            r#","max_tokens":9,"stream":true"#
        };
        let body = chat_body(extra);
        let call = app.client.post(CHAT, &key.secret, &body);
        let patience = Duration::from_micros(round * 97 % 9000);
        let _ = tokio::time::timeout(patience, call).await;
    }
    app.until("nothing is held and every event is written", async || {
        let charged = used(&app, ScopeId::Key(key.id)).await;
        (left(&app, &key).await == amount - charged).then_some(())
    })
    .await;
    let sent = app.sent().len();
    app.until("every call that was sent is booked", async || {
        let booked = app.booked(1).await;
        (booked.iter().filter(|call| call.total_tokens > 0).count() >= sent).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_provider_fetches_by_itself_is_held_for() {
    let app = TestApp::start().await;
    let key = app.limited_key(quota(1000)).await;
    let part = r#"[{"type":"document_url","document_url":"https://x/a.pdf"}]"#;
    let document = format!(
        r#"{{"model":"m","max_tokens":16,"messages":[{{"role":"user","content":{part}}}]}}"#
    );
    let mut bodies = vec![document];
    for field in [
        r#""search_parameters":{"mode":"on"}"#,
        r#""plugins":[{"id":"web"}]"#,
        r#""data_sources":[{"type":"azure_search"}]"#,
        r#""enable_search":true"#,
    ] {
        bodies.push(chat_body(&format!(r#","max_tokens":16,{field}"#)));
    }
    for body in bodies {
        let answer = app.client.post(CHAT, &key.secret, &body).await;
        answer.assert_refused(429, "insufficient_quota");
    }
    let plain = chat_body(r#","max_tokens":16,"enable_search":false"#);
    assert_eq!(app.client.post(CHAT, &key.secret, &plain).await.status, 200);
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn every_route_to_a_provider_leaves_an_event() {
    let app = TestApp::start().await;
    let key = app.limited_key(quota(1_000_000)).await;
    let calls = [
        (CHAT, chat_body("")),
        (
            "/v1/completions",
            r#"{"model":"m","prompt":"hello"}"#.to_owned(),
        ),
        (
            "/v1/embeddings",
            r#"{"model":"m","input":"hello"}"#.to_owned(),
        ),
    ];
    for (path, body) in &calls {
        let answer = app.client.post(path, &key.secret, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let booked = app.booked(calls.len()).await;
    assert_eq!(app.sent().len(), booked.len());
    let tokens: i64 = booked.iter().map(|call| call.total_tokens).sum();
    assert_eq!(
        tokens,
        i64::try_from(app.provider.reported().total()).unwrap()
    );
    assert_eq!(used(&app, ScopeId::Key(key.id)).await, tokens);
}
