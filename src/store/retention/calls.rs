//! Old calls. What they were charged moves into the checkpoints of their budgets in the transaction
//! that deletes them, so that every budget is the sum of its parts at every moment.

use std::collections::{BTreeMap, HashMap};

use sqlx::FromRow;
use uuid::Uuid;

use super::BATCH;
use crate::domain::quota::{Period, Unit};
use crate::domain::tenant::OrganisationId;
use crate::domain::time::Timestamp;
use crate::store::batch::{self, Listing};
use crate::store::transaction::Tx;
use crate::store::{Db, StoreError};

pub(super) const ORGANISATIONS: &str = "SELECT id FROM organisations ORDER BY id";
pub(super) const DELETE: &str = "DELETE FROM events WHERE organisation_id = $1 AND (at, id) IN
        (SELECT at, id FROM events WHERE organisation_id = $1 AND at < $2 ORDER BY at, id LIMIT $3)
    RETURNING at, kind_id, total_tokens, cost_nano";
/// A kind is one day's; it goes when that day's last call has gone.
pub(super) const KINDS: &str = "DELETE FROM kinds WHERE id IN (
        SELECT k.id FROM kinds k WHERE k.organisation_id = $1 AND k.day < $2 AND NOT EXISTS (
            SELECT 1 FROM events e WHERE e.organisation_id = k.organisation_id AND e.at >= k.day
                AND e.at < $2 AND e.kind_id = k.id)
        LIMIT $3)";

/// Two processes may prune at once.
pub(super) const NOTE: &str = "INSERT INTO pruned_calls (organisation_id, through) VALUES ($1, $2)
    ON CONFLICT (organisation_id) DO UPDATE SET through = excluded.through
    WHERE pruned_calls.through < excluded.through";
pub(super) const PRUNED: &str = "SELECT organisation_id, through FROM pruned_calls";

static DRAWS: Listing = Listing::new(
    "SELECT id, requests, budgets FROM kinds WHERE id IN (",
    1,
    ")",
);
static UNITS: Listing = Listing::new("SELECT id, unit FROM budgets WHERE id IN (", 1, ")");
static KEEP: Listing = Listing::insert(
    "INSERT INTO budget_checkpoints (budget_id, amount)",
    2,
    " ON CONFLICT (budget_id) DO UPDATE SET amount = budget_checkpoints.amount + excluded.amount",
);

#[derive(FromRow)]
struct Deleted {
    at: Timestamp,
    kind_id: i64,
    total_tokens: i64,
    cost_nano: i64,
}

#[derive(FromRow)]
struct Kind {
    id: i64,
    requests: i64,
    budgets: Vec<u8>,
}

/// Up to when the calls of each organisation were let go.
#[derive(Debug, Default)]
pub struct Pruned(HashMap<OrganisationId, Timestamp>);

impl Pruned {
    /// What was let go in `db` so far.
    pub async fn read(db: &Db) -> Result<Self, StoreError> {
        let rows: Vec<(OrganisationId, Timestamp)> =
            with_pool!(db, |pool| sqlx::query_as(PRUNED).fetch_all(pool).await)?;
        Ok(Self(rows.into_iter().collect()))
    }

    /// Whether a call of `organisation` that began `at` then would be gone by now.
    pub fn covers(&self, organisation: OrganisationId, at: Timestamp) -> bool {
        let through = self.0.get(&organisation);
        through.is_some_and(|through| at <= *through)
    }
}

/// Deletes some of the calls that began before `before`. Answers how many rows went; none are left
/// once it is none.
pub async fn prune_calls(db: &Db, before: Timestamp) -> Result<u64, StoreError> {
    let organisations: Vec<OrganisationId> = with_pool!(db, |pool| {
        sqlx::query_scalar(ORGANISATIONS).fetch_all(pool).await
    })?;
    let mut gone = 0;
    for organisation in organisations {
        gone += prune(db, organisation, before).await?;
    }
    Ok(gone)
}

async fn prune(
    db: &Db,
    organisation: OrganisationId,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let mut tx = db.begin().await?;
    let deleted: Vec<Deleted> = with_tx!(&mut tx, |c| {
        let delete = sqlx::query_as(DELETE).bind(organisation).bind(before);
        delete.bind(BATCH).fetch_all(c).await
    })?;
    keep_sums(&mut tx, &deleted).await?;
    if let Some(through) = deleted.iter().map(|call| call.at).max() {
        with_tx!(&mut tx, |c| {
            let note = sqlx::query(NOTE).bind(organisation).bind(through);
            note.execute(c).await.map(|_| ())
        })?;
    }
    // Days that are over before it: of the day it is in, calls may come and go.
    let day = Period::Day.start(before);
    let kinds = with_tx!(&mut tx, |c| {
        let delete = sqlx::query(KINDS).bind(organisation).bind(day);
        let done = delete.bind(BATCH).execute(c).await;
        done.map(|done| done.rows_affected())
    })?;
    tx.commit().await?;
    Ok(u64::try_from(deleted.len()).unwrap_or(u64::MAX) + kinds)
}

/// Adds what was deleted to the checkpoints of the budgets that it was drawn from.
async fn keep_sums(tx: &mut Tx, deleted: &[Deleted]) -> Result<(), StoreError> {
    let mut ids: Vec<i64> = deleted.iter().map(|call| call.kind_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let kinds: Vec<Kind> = batch::read(tx, &DRAWS, &ids).await?;
    let kinds: HashMap<i64, Kind> = kinds.into_iter().map(|kind| (kind.id, kind)).collect();
    let mut sums: BTreeMap<Uuid, Sum> = BTreeMap::new();
    for call in deleted {
        let Some(kind) = kinds.get(&call.kind_id) else {
            continue;
        };
        for id in kind.budgets.as_chunks::<16>().0 {
            sums.entry(Uuid::from_bytes(*id))
                .or_default()
                .add(call, kind);
        }
    }
    let budgets: Vec<Uuid> = sums.keys().copied().collect();
    let units: Vec<(Uuid, Unit)> = batch::read(tx, &UNITS, &budgets).await?;
    let mut amounts: Vec<(Uuid, i64)> = units
        .into_iter()
        .filter_map(|(id, unit)| Some((id, sums.get(&id)?.of(unit))))
        .collect();
    // One order in every process.
    amounts.sort_unstable();
    write_rows!(&mut *tx, KEEP, &amounts, |statement, (id, amount)| {
        statement.bind(*id).bind(*amount)
    });
    Ok(())
}

/// What calls drew from one budget, in each unit.
#[derive(Clone, Copy, Default)]
struct Sum {
    tokens: i64,
    requests: i64,
    cost: i64,
}

impl Sum {
    fn add(&mut self, call: &Deleted, kind: &Kind) {
        self.tokens = self.tokens.saturating_add(call.total_tokens);
        self.requests = self.requests.saturating_add(kind.requests);
        self.cost = self.cost.saturating_add(call.cost_nano);
    }

    fn of(self, unit: Unit) -> i64 {
        match unit {
            Unit::Tokens => self.tokens,
            Unit::Requests => self.requests,
            Unit::NanoUsd => self.cost,
        }
    }
}
