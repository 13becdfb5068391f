//! Budgets of money: as hard as quotas of tokens, in what calls cost.

use serde_json::json;
use tollgate::domain::limits::{Limits, MoneyBudget};
use tollgate::domain::quota::{Period, Unit};
use tollgate::domain::tenant::ScopeId;
use tollgate::domain::time::Clock;
use tollgate::store::budgets;
use tollgate::store::organisations::{self, OrganisationPatch};

use super::limits::{at_once, quota, statuses};
use crate::provider::{Answer, Provider, Usage};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::{TestDb, on_both_engines};

/// Nano-USD a token: input 1000 (cached 500, written 1250), output 4000.
const PRICED: &str = r#"
[[models]]
name = "m"
provider = "mock"
price = { input = "1", output = "4", cached_input = "0.5", cache_write = "1.25" }

[[models]]
name = "dear"
provider = "mock"
price = { input = "0.5", output = "10" }
"#;

on_both_engines!(
    two_hundred_calls_at_once_on_money_for_ten_are_ten,
    what_a_call_costs_is_what_its_budgets_lose,
);

fn budget(amount_nano: i64) -> Limits {
    let period = Period::Month;
    Limits {
        budget: Some(MoneyBudget {
            amount_nano,
            period,
        }),
        ..Limits::default()
    }
}

/// The most that a call with this body and cap can cost.
fn most(body: &str, cap: i64) -> i64 {
    i64::try_from(body.len()).unwrap() * 1250 + cap * 4000
}

async fn on_sqlite() -> TestApp {
    TestApp::with(TestDb::sqlite().await, Provider::honest().await, PRICED).await
}

/// What the store says `scope` spent, in all its current budgets.
async fn spent(app: &TestApp, scope: ScopeId) -> Vec<i64> {
    let now = Clock::default().now();
    let rows = budgets::current(app.db(), scope, now).await.unwrap();
    let money = rows.iter().filter(|(key, ..)| key.unit == Unit::NanoUsd);
    money.map(|(_, row, _)| row.used).collect()
}

async fn two_hundred_calls_at_once_on_money_for_ten_are_ten(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, PRICED).await;
    let body = chat_body(r#","max_tokens":100"#);
    let key = app.limited_key(budget(11 * most(&body, 100) - 1)).await;
    app.provider.hold();
    let calls = at_once(&app, &key, 200, &body);
    app.provider.waiting(10).await;
    app.until("190 calls are refused", async || {
        let refused = calls.iter().filter(|call| call.is_finished()).count();
        (refused == 190).then_some(())
    })
    .await;
    assert_eq!(app.provider.held(), 10);
    app.provider.release();
    let statuses = statuses(calls).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    let booked = app.booked(10).await;
    let cost: i64 = booked.iter().map(|call| call.cost_nano).sum();
    assert_eq!(cost, 10 * (11 * 1000 + 7 * 4000));
    assert_eq!(spent(&app, ScopeId::Key(key.id)).await, [cost]);
}

async fn what_a_call_costs_is_what_its_budgets_lose(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, PRICED).await;
    app.provider.direct(|_| {
        let usage = json!({"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39,
            "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 16}});
        Answer::json(200, &json!({"choices": [], "usage": usage}))
            .reports(Usage::new(30, 9))
            .script()
    });
    let patch = OrganisationPatch {
        limits: Some(budget(1_000_000_000).into()),
        ..OrganisationPatch::default()
    };
    let now = Clock::default().now();
    organisations::update(app.db(), app.organisation.id, patch, now)
        .await
        .unwrap();
    let key = app.limited_key(budget(500_000_000)).await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    let cost = 4 * 1000 + 10 * 500 + 16 * 1250 + 9 * 4000;
    assert_eq!(app.booked(1).await[0].cost_nano, cost);
    for scope in [
        ScopeId::Key(key.id),
        ScopeId::Organisation(app.organisation.id),
    ] {
        assert_eq!(spent(&app, scope).await, [cost]);
    }
}

#[tokio::test]
async fn embeddings_cost_their_input_even_where_only_a_total_is_reported() {
    let app = on_sqlite().await;
    app.provider.direct(|_| {
        let usage = json!({"total_tokens": 18});
        let answer = json!({"object": "list", "data": [], "usage": usage});
        Answer::json(200, &answer).script()
    });
    let key = app.limited_key(budget(1_000_000)).await;
    let body = r#"{"model":"m","input":"hello"}"#;
    let answer = app.client.post("/v1/embeddings", &key.secret, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let booked = app.booked(1).await;
    let call = &booked[0];
    assert_eq!((call.input_tokens, call.output_tokens), (18, 0));
    assert_eq!(call.cost_nano, 18 * 1000);
}

#[tokio::test]
async fn money_that_is_spent_is_final_and_money_that_is_held_is_not() {
    let app = on_sqlite().await;
    let body = chat_body(r#","max_tokens":50"#);
    let amount = most(&body, 50) + 10;
    let key = app.limited_key(budget(amount)).await;
    app.provider.hold();
    let first = at_once(&app, &key, 1, &body);
    app.provider.waiting(1).await;
    let held = app.client.post(CHAT, &key.secret, &body).await;
    held.assert_refused(429, "quota_held");
    assert_eq!(held.header("retry-after"), Some("1"));
    app.provider.release();
    statuses(first).await;
    let second = app.client.post(CHAT, &key.secret, &body).await;
    second.assert_refused(429, "insufficient_quota");
    assert_eq!(second.header("x-should-retry"), Some("false"));
    let limit = format!(
        "{} USD per month",
        tollgate::domain::price::format_usd(amount)
    );
    assert!(second.text().contains(&limit), "{}", second.text());
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn a_call_without_a_cap_gets_the_output_that_its_share_buys() {
    let app = on_sqlite().await;
    let key = app.limited_key(budget(4_000_000)).await;
    let answer = app.client.chat(&key.secret).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-output-cap"), Some("500"));
    assert_eq!(app.last_sent().json()["max_completion_tokens"], 500);
    assert_eq!(answer.header("x-tollgate-quota-remaining"), None);
}

#[tokio::test]
async fn a_budget_of_nothing_refuses_for_good() {
    let app = on_sqlite().await;
    let key = app.limited_key(budget(0)).await;
    let refused = app.client.chat(&key.secret).await;
    refused.assert_refused(429, "insufficient_quota");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let text = refused.text();
    assert!(
        text.contains("This key") && text.contains("0.00 USD per month"),
        "{text}"
    );
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_under_a_budget_and_only_there() {
    let app = on_sqlite().await;
    let body = chat_body("").replace(r#""m""#, r#""other""#);
    let key = app.limited_key(budget(4_000_000_000)).await;
    let refused = app.client.post(CHAT, &key.secret, &body).await;
    refused.assert_refused(403, "model_unpriced");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let error = &refused.json()["error"];
    assert_eq!(
        (&error["type"], &error["param"]),
        (&json!("permission_error"), &json!("model"))
    );
    let text = refused.text();
    assert!(
        text.contains("This key") && text.contains("`other`"),
        "{text}"
    );
    assert_eq!(app.sent().len(), 0);
    let counted = app.limited_key(quota(1_000_000)).await;
    let answer = app.client.post(CHAT, &counted.secret, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(app.booked(1).await[0].cost_nano, 0);
}

#[tokio::test]
async fn a_call_that_allows_other_models_costs_what_the_dearest_would() {
    let app = on_sqlite().await;
    let key = app.limited_key(budget(4_000_000_000)).await;
    let allowing = |model: &str| chat_body(&format!(r#","models":["m","{model}"]"#));
    let answer = app.client.post(CHAT, &key.secret, &allowing("dear")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(app.booked(1).await[0].cost_nano, 11 * 1000 + 7 * 10_000);
    let refused = app.client.post(CHAT, &key.secret, &allowing("other")).await;
    refused.assert_refused(403, "model_unpriced");
}
