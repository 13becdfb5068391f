//! The store on both engines. What the tests share: a fixed now, a tenant with a key, an event.

use tollgate::domain::key::SecretHash;
use tollgate::domain::limits::{Limits, TokenQuota, TokenUnit};
use tollgate::domain::quota::{Period, Unit};
use tollgate::domain::tenant::CallId;
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::Source;
use tollgate::store::Db;
use tollgate::store::events::{BudgetDraw, Event};
use tollgate::store::keys::{self, Key, NewKey};
use tollgate::store::ledger_check::verify;
use tollgate::store::organisations::{self, Organisation};
use uuid::Uuid;

/// One statement, as the engine's own tools would run it.
macro_rules! execute {
    ($db:expr, $sql:expr $(, $value:expr)*) => {
        match $db {
            tollgate::store::Db::Postgres(pool) => {
                let done = sqlx::query($sql)$(.bind($value))*.execute(pool).await.unwrap();
                done.rows_affected()
            }
            tollgate::store::Db::Sqlite(pools) => {
                let done = sqlx::query($sql)$(.bind($value))*.execute(pools.writer()).await.unwrap();
                done.rows_affected()
            }
        }
    };
}

/// One number.
macro_rules! number {
    ($db:expr, $sql:expr $(, $value:expr)*) => {{
        let number: i64 = match $db {
            tollgate::store::Db::Postgres(pool) => {
                sqlx::query_scalar($sql)$(.bind($value))*.fetch_one(pool).await.unwrap()
            }
            tollgate::store::Db::Sqlite(pools) => {
                sqlx::query_scalar($sql)$(.bind($value))*.fetch_one(pools.writer()).await.unwrap()
            }
        };
        number
    }};
}

mod booking;
mod budgets;
mod callers;
mod changes;
mod connect;
mod instance;
mod key_lists;
mod key_uses;
mod keys_near_quota;
mod keys_of_tenants;
mod leases;
mod ledger_check;
mod organisations_and_projects;
mod refusals;
mod retention;
mod schema;
mod upgrade;
mod usage;

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A Wednesday.
fn now() -> Timestamp {
    at("2026-11-18T10:20:30.123456Z")
}

fn secret(seed: u8) -> SecretHash {
    SecretHash([seed; 32])
}

fn quota(amount: i64, period: Period) -> Limits {
    let unit = TokenUnit::Tokens;
    Limits {
        quota: Some(TokenQuota {
            unit,
            amount,
            period,
        }),
        ..Limits::default()
    }
}

async fn organisation(db: &Db, name: &str) -> Organisation {
    let limits = Limits::default();
    organisations::create(db, name, &limits, now())
        .await
        .unwrap()
}

fn new_key(organisation: &Organisation) -> NewKey {
    NewKey {
        organisation_id: organisation.id,
        project_id: None,
        name: "ci".to_owned(),
        models: None,
        limits: Limits::default(),
        expires_at: None,
    }
}

async fn key(db: &Db, organisation: &Organisation, seed: u8) -> Key {
    let display = format!("sk-{seed:04}…last");
    let new = new_key(organisation);
    keys::create(db, new, &secret(seed), &display, now())
        .await
        .unwrap()
}

/// A reported call of 30 tokens.
pub fn event(key: &Key) -> Event<'static> {
    Event {
        id: CallId::new(),
        at: now(),
        organisation_id: key.organisation_id,
        project_id: key.project_id,
        key_id: key.id,
        secret_hash: None,
        provider: "openai".into(),
        model: "gpt-4o".into(),
        upstream_model: "gpt-4o-2024-11-20".into(),
        endpoint: "chat/completions".into(),
        status: 200,
        code: None,
        source: Source::Reported,
        is_stream: true,
        requests: 1,
        input_tokens: 10,
        output_tokens: 20,
        total_tokens: 30,
        cached_tokens: 4,
        reasoning_tokens: 5,
        cost_nano: 1_500,
        held_tokens: 100,
        is_suspicious: false,
        is_disconnected: false,
        duration_ms: 812,
        first_token_ms: Some(90),
        budgets: smallvec::SmallVec::new(),
    }
}

/// A draw from a budget without a lease.
fn draw(budget: Uuid, unit: Unit) -> BudgetDraw {
    BudgetDraw {
        budget,
        lease: None,
        unit,
    }
}

/// Every counter is what follows from what is written.
#[track_caller]
fn adds_up(db: &Db) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let differences = verify(db).await.unwrap();
        assert_eq!(differences, [], "at {caller}");
    }
}
