//! Proves the books: recomputes from what is written what the counters of budgets must be. All is
//! read in one snapshot, so that it may run beside gateways that book.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use super::transaction::Tx;
use super::{Db, StoreError};
use crate::domain::quota::Unit;

/// What the events of each kind were charged.
const SPENT: &str = "SELECT k.budgets, k.requests * s.calls AS requests, s.tokens, s.cost FROM (
        SELECT kind_id, COUNT(*) AS calls, CAST(SUM(total_tokens) AS BIGINT) AS tokens,
            CAST(SUM(cost_nano) AS BIGINT) AS cost
        FROM events GROUP BY kind_id
    ) AS s JOIN kinds k ON k.id = s.kind_id WHERE length(k.budgets) > 0";
const BUDGETS: &str = "SELECT b.id, b.unit, b.used, b.leased,
        COALESCE((SELECT c.amount FROM budget_checkpoints c WHERE c.budget_id = b.id), 0) AS kept,
        CAST(COALESCE((SELECT SUM(a.amount) FROM adjustments a WHERE a.budget_id = b.id), 0)
            AS BIGINT) AS adjusted,
        CAST(COALESCE((SELECT SUM(l.remaining) FROM leases l
            WHERE l.budget_id = b.id AND l.state <> 'closed'), 0) AS BIGINT) AS remaining
    FROM budgets b ORDER BY b.id";
const CLAIMS: &str = "SELECT l.budget_id AS budget, l.unclaimed AS stored, l.adjusted AS recomputed
    FROM (
        SELECT l.budget_id, l.id, l.unclaimed, CAST(COALESCE(SUM(a.amount), 0) AS BIGINT) AS adjusted
        FROM leases l LEFT JOIN adjustments a ON a.budget_id = l.budget_id AND a.lease_id = l.id
        GROUP BY l.budget_id, l.id, l.unclaimed
    ) AS l WHERE l.unclaimed <> l.adjusted ORDER BY l.id";

pub(super) const STATEMENTS: &[&str] = &[SPENT, BUDGETS, CLAIMS];

/// A counter that is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The budget row.
    pub budget: Uuid,
    /// Which of its counters.
    pub counter: Counter,
    /// What is stored.
    pub stored: i64,
    /// What follows from the events, adjustments and leases.
    pub recomputed: i64,
}

/// What is recomputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// `used`: the checkpoint, all events that name the row, and its adjustments.
    Used,
    /// `leased`: what is left of its leases that are not closed.
    Leased,
    /// What a closed lease was charged and no event has claimed: the adjustments that name it.
    Unclaimed,
}

/// Sums by unit.
#[derive(Clone, Copy, Default)]
struct Spent {
    tokens: i64,
    requests: i64,
    cost: i64,
}

#[derive(FromRow)]
struct OfKind {
    budgets: Vec<u8>,
    requests: i64,
    tokens: i64,
    cost: i64,
}

#[derive(FromRow)]
struct OfBudget {
    id: Uuid,
    unit: Unit,
    used: i64,
    leased: i64,
    kept: i64,
    adjusted: i64,
    remaining: i64,
}

#[derive(FromRow)]
struct OfLease {
    budget: Uuid,
    stored: i64,
    recomputed: i64,
}

/// All counters that are not what they must be.
pub async fn verify(db: &Db) -> Result<Vec<Difference>, StoreError> {
    let mut tx = db.snapshot().await?;
    let spent = spent(&mut tx).await?;
    let budgets: Vec<OfBudget> = with_tx!(&mut tx, |c| sqlx::query_as(BUDGETS).fetch_all(c).await)?;
    let claims: Vec<OfLease> = with_tx!(&mut tx, |c| sqlx::query_as(CLAIMS).fetch_all(c).await)?;
    tx.commit().await?;
    let of_budgets = budgets.iter().flat_map(|row| row.differences(&spent));
    let of_leases = claims.iter().map(OfLease::difference);
    Ok(of_budgets.chain(of_leases).collect())
}

async fn spent(tx: &mut Tx) -> Result<HashMap<Uuid, Spent>, StoreError> {
    let kinds: Vec<OfKind> = with_tx!(tx, |c| sqlx::query_as(SPENT).fetch_all(c).await)?;
    let mut sums: HashMap<Uuid, Spent> = HashMap::new();
    for kind in kinds {
        let (ids, _) = kind.budgets.as_chunks::<16>();
        for id in ids {
            sums.entry(Uuid::from_bytes(*id)).or_default().add(&kind);
        }
    }
    Ok(sums)
}

impl Spent {
    fn add(&mut self, kind: &OfKind) {
        self.tokens = self.tokens.saturating_add(kind.tokens);
        self.requests = self.requests.saturating_add(kind.requests);
        self.cost = self.cost.saturating_add(kind.cost);
    }

    fn of(self, unit: Unit) -> i64 {
        match unit {
            Unit::Tokens => self.tokens,
            Unit::Requests => self.requests,
            Unit::NanoUsd => self.cost,
        }
    }
}

impl OfBudget {
    fn differences(
        &self,
        spent: &HashMap<Uuid, Spent>,
    ) -> impl Iterator<Item = Difference> + use<> {
        let spent = spent.get(&self.id).copied().unwrap_or_default();
        let used = self.kept.saturating_add(spent.of(self.unit));
        let used = used.saturating_add(self.adjusted);
        let counters = [
            (Counter::Used, self.used, used),
            (Counter::Leased, self.leased, self.remaining),
        ];
        let budget = self.id;
        let differences = counters.into_iter();
        let differences = differences.filter(|(_, stored, recomputed)| stored != recomputed);
        differences.map(move |(counter, stored, recomputed)| Difference {
            budget,
            counter,
            stored,
            recomputed,
        })
    }
}

impl OfLease {
    fn difference(&self) -> Difference {
        Difference {
            budget: self.budget,
            counter: Counter::Unclaimed,
            stored: self.stored,
            recomputed: self.recomputed,
        }
    }
}
