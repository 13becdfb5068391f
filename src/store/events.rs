//! What happened, one row a call, and the counters that follow from it. Booking is idempotent: an
//! event that is there already changes nothing, so a journal may be replayed any number of times.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use smallvec::SmallVec;
use sqlx::QueryBuilder;
use sqlx::types::Json;
use uuid::Uuid;

use super::batch::{self, Counter};
use super::leases::Return;
use super::transaction::Tx;
use super::{Db, StoreError, rollups};
use crate::domain::key::SecretHash;
use crate::domain::quota::Unit;
use crate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;

const INSERT: &str = "INSERT INTO events
    (id, at, organisation_id, project_id, key_id, secret_hash, provider, model, upstream_model,
    endpoint, status, code, source, is_stream, requests, input_tokens, output_tokens,
    total_tokens, cached_tokens, reasoning_tokens, cost_nano, held_tokens, is_suspicious,
    is_disconnected, duration_ms, first_token_ms, budgets) ";
const UNLESS_THERE: &str = " ON CONFLICT (id) DO NOTHING";
const AND_TELL: &str = " RETURNING id";

/// The statement that inserts events, for whichever engine.
macro_rules! insert {
    ($rows:expr) => {{
        let mut insert = QueryBuilder::new(INSERT);
        insert.push_values($rows, |mut values, event| {
            values.push_bind(event.id).push_bind(event.at);
            values
                .push_bind(event.organisation_id)
                .push_bind(event.project_id);
            values.push_bind(event.key_id).push_bind(event.secret_hash);
            values.push_bind(batch::text(&event.provider));
            values.push_bind(batch::text(&event.model));
            values.push_bind(batch::text(&event.upstream_model));
            values.push_bind(batch::text(&event.endpoint));
            values.push_bind(i32::from(event.status));
            values.push_bind(event.code.as_deref().map(batch::text));
            values.push_bind(event.source).push_bind(event.is_stream);
            values
                .push_bind(event.requests)
                .push_bind(event.input_tokens);
            values
                .push_bind(event.output_tokens)
                .push_bind(event.total_tokens);
            values
                .push_bind(event.cached_tokens)
                .push_bind(event.reasoning_tokens);
            values
                .push_bind(event.cost_nano)
                .push_bind(event.held_tokens);
            values
                .push_bind(event.is_suspicious)
                .push_bind(event.is_disconnected);
            values
                .push_bind(event.duration_ms)
                .push_bind(event.first_token_ms);
            values.push_bind(Json(budget_ids(event)));
        });
        insert
    }};
}

const BUDGETS: Counter = Counter {
    lock: "SELECT id FROM budgets WHERE id IN (",
    in_order: ") ORDER BY id FOR UPDATE",
    add: "UPDATE budgets SET used = used + d.column2 FROM (",
    to: ") AS d WHERE id = d.column1",
};

const SECRETS: Counter = Counter {
    lock: "SELECT hash FROM key_secrets WHERE hash IN (",
    in_order: ") ORDER BY hash FOR UPDATE",
    add: "UPDATE key_secrets SET calls = calls + d.column2 FROM (",
    to: ") AS d WHERE hash = d.column1",
};

/// A call that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The call, and the row.
    pub id: CallId,
    /// When it began.
    pub at: Timestamp,
    /// Its key's organisation when it began.
    pub organisation_id: OrganisationId,
    /// Its key's project when it began.
    pub project_id: ProjectId,
    /// Who called.
    pub key_id: KeyId,
    /// With which secret.
    pub secret_hash: Option<SecretHash>,
    /// Who answered.
    pub provider: Cow<'a, str>,
    /// The model as the client named it.
    pub model: Cow<'a, str>,
    /// The model as the provider names it.
    pub upstream_model: Cow<'a, str>,
    /// What was called, such as `chat/completions`.
    pub endpoint: Cow<'a, str>,
    /// The HTTP status answered to the client.
    pub status: u16,
    /// The error code answered to the client.
    pub code: Option<Cow<'a, str>>,
    /// Where the numbers come from.
    pub source: Source,
    /// Whether the answer was a stream.
    pub is_stream: bool,
    /// 1 if it was handed to a provider.
    pub requests: i64,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Completion tokens.
    pub output_tokens: i64,
    /// Tokens charged.
    pub total_tokens: i64,
    /// Prompt tokens from the provider's cache.
    pub cached_tokens: i64,
    /// Completion tokens that the client never sees.
    pub reasoning_tokens: i64,
    /// What it cost, in nano-USD.
    pub cost_nano: i64,
    /// What it held while it ran.
    pub held_tokens: i64,
    /// The provider reported something that cannot be true.
    pub is_suspicious: bool,
    /// The client left before the end.
    pub is_disconnected: bool,
    /// How long it took.
    pub duration_ms: i64,
    /// When the first token came.
    pub first_token_ms: Option<i64>,
    /// The budget rows it draws from.
    pub budgets: SmallVec<[BudgetDraw; 4]>,
}

/// A budget row that a call draws from; how much follows from the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetDraw {
    /// The row.
    pub budget: Uuid,
    /// The lease that its room came from; `None` if the budget had no limit.
    pub lease: Option<Uuid>,
    /// What the row counts.
    pub unit: Unit,
}

/// Books for one process, which should keep it: it remembers what every booking has to know.
#[derive(Debug)]
pub struct Booker {
    db: Db,
}

/// What one transaction books.
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch<'a> {
    /// Calls that ended.
    pub events: &'a [Event<'a>],
    /// Room that its owner gives back, after the events that spent from the same leases.
    pub returns: &'a [Return],
}

impl Event<'_> {
    /// What it is charged in `unit`.
    pub fn charged(&self, unit: Unit) -> i64 {
        match unit {
            Unit::Tokens => self.total_tokens,
            Unit::Requests => self.requests,
            Unit::NanoUsd => self.cost_nano,
        }
    }
}

impl<'a> Batch<'a> {
    /// Calls alone.
    pub fn of(events: &'a [Event<'a>]) -> Self {
        Self {
            events,
            returns: &[],
        }
    }
}

impl Booker {
    /// Books in `db`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Books `batch` and answers how many of its events were new. One transaction.
    pub async fn book(&self, batch: Batch<'_>) -> Result<usize, StoreError> {
        book(&self.db, batch).await
    }
}

/// Books `batch` once, remembering nothing; see [`Booker::book`].
pub async fn book(db: &Db, batch: Batch<'_>) -> Result<usize, StoreError> {
    let mut rows: Vec<&Event<'_>> = batch.events.iter().collect();
    rows.sort_by_key(|event| event.id);
    rows.dedup_by_key(|event| event.id);
    if rows.is_empty() || book_all(db, &rows).await? {
        return Ok(rows.len());
    }
    book_new(db, rows).await
}

/// Books `rows` if all of them are new, which they are unless a booking is repeated: having their
/// ids sent back one by one would cost several times what writing them does.
async fn book_all(db: &Db, rows: &[&Event<'_>]) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let mut inserted = 0;
    for rows in batch::chunks(rows) {
        inserted += with_tx!(&mut tx, |c| {
            let mut insert = insert!(rows);
            let done = insert.push(UNLESS_THERE).build().execute(c).await;
            done.map(|done| done.rows_affected())
        })?;
    }
    let are_new = usize::try_from(inserted) == Ok(rows.len());
    if are_new {
        count(&mut tx, rows).await?;
        tx.commit().await?;
    }
    Ok(are_new)
}

/// Books those of `rows` that are new.
async fn book_new(db: &Db, mut rows: Vec<&Event<'_>>) -> Result<usize, StoreError> {
    let mut tx = db.begin().await?;
    let mut inserted = HashSet::with_capacity(rows.len());
    for rows in batch::chunks(&rows) {
        let ids: Vec<CallId> = with_tx!(&mut tx, |c| {
            let mut insert = insert!(rows);
            insert.push(UNLESS_THERE).push(AND_TELL);
            insert.build_query_scalar().fetch_all(c).await
        })?;
        inserted.extend(ids);
    }
    rows.retain(|event| inserted.contains(&event.id));
    count(&mut tx, &rows).await?;
    tx.commit().await?;
    Ok(rows.len())
}

/// Adds `rows`, which are new, to everything that counts.
async fn count(tx: &mut Tx, rows: &[&Event<'_>]) -> Result<(), StoreError> {
    charge(tx, rows).await?;
    rollups::add(tx, rows).await?;
    let secrets = rows.iter().filter_map(|event| event.secret_hash);
    batch::add(tx, &SECRETS, &sum(secrets.map(|hash| (hash, 1)))).await?;
    Ok(())
}

async fn charge(tx: &mut Tx, rows: &[&Event<'_>]) -> Result<(), StoreError> {
    let draws = |event: &&Event<'_>| {
        let draws = event.budgets.iter();
        let draws = draws.map(|draw| (draw.budget, event.charged(draw.unit)));
        draws.collect::<SmallVec<[_; 4]>>()
    };
    let charges = sum(rows.iter().flat_map(draws));
    let named = u64::try_from(charges.len()).unwrap_or(u64::MAX);
    let found = batch::add(tx, &BUDGETS, &charges).await?;
    if found != named {
        tracing::error!(
            ledger.missing = named.saturating_sub(found),
            "events name budgets that do not exist"
        );
    }
    Ok(())
}

/// The sums by row, sorted by row.
fn sum<I: Ord>(parts: impl Iterator<Item = (I, i64)>) -> Vec<(I, i64)> {
    let mut sums: BTreeMap<I, i64> = BTreeMap::new();
    for (row, part) in parts {
        let sum = sums.entry(row).or_default();
        *sum = sum.saturating_add(part);
    }
    sums.into_iter().collect()
}

/// Only the rows are kept: what each was charged follows from its unit.
fn budget_ids(event: &Event<'_>) -> Vec<Uuid> {
    event.budgets.iter().map(|draw| draw.budget).collect()
}
