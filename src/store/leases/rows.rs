//! Lease and budget rows inside a transaction: read and locked in the order of their ids, leases
//! first, changed here, and written back. All arithmetic on them is in this file.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::FromRow;
use uuid::Uuid;

use super::{Balance, Holder};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::batch::{self, Listing};
use crate::store::transaction::Tx;

static LEASES: Listing = Listing::locking(
    "SELECT id, budget_id, instance_id, epoch, state, granted, returned, charged, remaining, held,
        unclaimed, expires_at, (SELECT i.epoch FROM instances i WHERE i.id = leases.instance_id) AS newest_epoch
    FROM leases WHERE id IN (",
    ") ORDER BY id",
);
static WRITE_LEASES: Listing = Listing::insert(
    "INSERT INTO leases (id, budget_id, instance_id, epoch, state, granted, returned, remaining,
        held, unclaimed, expires_at)",
    11,
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, granted = excluded.granted,
        returned = excluded.returned, remaining = excluded.remaining, held = excluded.held,
        unclaimed = excluded.unclaimed, expires_at = excluded.expires_at",
);
static BUDGETS: Listing = Listing::locking(
    "SELECT id, amount, used, leased FROM budgets WHERE id IN (",
    ") ORDER BY id",
);
static WRITE_BUDGETS: Listing = Listing::new(
    "UPDATE budgets SET used = d.column2, leased = d.column3 FROM (VALUES ",
    3,
    ") AS d WHERE id = d.column1",
);

/// Whether a lease counts, and whether its owner was heard of lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum LeaseState {
    /// Its owner lives.
    Open,
    /// Its owner was not heard of for a lease life, and may have spent it.
    Suspect,
    /// It holds nothing any more.
    Closed,
}

/// A row of `leases`.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct Lease {
    pub(super) id: Uuid,
    pub(super) budget_id: Uuid,
    pub(super) instance_id: Uuid,
    pub(super) epoch: i64,
    pub(super) state: LeaseState,
    pub(super) granted: i64,
    pub(super) returned: i64,
    /// By all events that name it; only they change it.
    pub(super) charged: i64,
    pub(super) remaining: i64,
    pub(super) held: i64,
    pub(super) unclaimed: i64,
    pub(super) expires_at: Timestamp,
    /// The epoch that its instance is in by now.
    #[sqlx(default)]
    pub(super) newest_epoch: Option<i64>,
}

/// What counts of a row of `budgets`.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct Budget {
    pub(super) id: Uuid,
    pub(super) amount: Option<i64>,
    pub(super) used: i64,
    pub(super) leased: i64,
}

/// Locked rows by their ids.
pub(super) type Leases = BTreeMap<Uuid, Lease>;
/// Locked rows by their ids.
pub(super) type Budgets = BTreeMap<Uuid, Budget>;

impl Lease {
    /// A lease that holds nothing yet.
    pub(super) fn new(id: Uuid, budget_id: Uuid, holder: &Holder) -> Self {
        Self {
            id,
            budget_id,
            instance_id: holder.instance,
            epoch: holder.epoch,
            state: LeaseState::Open,
            granted: 0,
            returned: 0,
            charged: 0,
            remaining: 0,
            held: 0,
            unclaimed: 0,
            expires_at: Timestamp(0),
            newest_epoch: Some(holder.epoch),
        }
    }

    /// Whether `holder` may take room of `budget` by it.
    pub(super) fn serves(&self, holder: &Holder, budget: Uuid) -> bool {
        self.is_of(holder) && self.budget_id == budget
    }

    /// Whether `holder` may go on with it.
    pub(super) fn is_of(&self, holder: &Holder) -> bool {
        let of = Holder {
            instance: self.instance_id,
            epoch: self.epoch,
        };
        of == *holder && self.state != LeaseState::Closed
    }

    /// What its owner has to know of it.
    pub(super) fn balance(&self) -> Balance {
        Balance {
            remaining: self.remaining,
            charged: self.charged,
            returned: self.returned,
        }
    }

    /// Its owner was heard of.
    pub(super) fn renew(&mut self, held: i64, expires_at: Timestamp) {
        self.state = LeaseState::Open;
        self.held = held.max(0);
        self.expires_at = expires_at;
    }

    /// Takes what its owner gives back; `total` counts all that it ever gave back. Fenced owners
    /// give nothing back: whoever fenced them has.
    pub(super) fn take_back(&mut self, total: i64, budget: &mut Budget) {
        let is_fenced = self.newest_epoch.is_some_and(|newest| newest > self.epoch);
        if self.state == LeaseState::Closed || is_fenced || total <= self.returned {
            return;
        }
        let more = total.saturating_sub(self.returned);
        self.returned = total;
        self.release(more, budget);
        if self.state == LeaseState::Suspect && self.remaining == 0 {
            self.state = LeaseState::Closed;
        }
    }

    /// Its life is over. How long it stays suspect counts from `now`, when that was seen.
    pub(super) fn suspect(&mut self, now: Timestamp) {
        self.state = LeaseState::Suspect;
        self.expires_at = now;
    }

    /// Closes it and gives back what is left of it.
    pub(super) fn close(&mut self, budget: &mut Budget) {
        self.release(self.remaining, budget);
        self.held = 0;
        self.state = LeaseState::Closed;
    }

    /// Closes it and charges what is left of it, which it answers: its owner may have spent it.
    pub(super) fn close_charging(&mut self, budget: &mut Budget) -> i64 {
        let charged = self.remaining;
        self.close(budget);
        budget.used = budget.used.saturating_add(charged);
        self.unclaimed = charged;
        charged
    }

    /// Takes back what its closing charged and no event has claimed. Answers by how much `budget` is
    /// used more, which is less.
    pub(super) fn refund(&mut self, budget: &mut Budget) -> i64 {
        let unclaimed = std::mem::take(&mut self.unclaimed);
        budget.used = budget.used.saturating_sub(unclaimed);
        unclaimed.saturating_neg()
    }

    /// Frees at most what is left of it.
    fn release(&mut self, amount: i64, budget: &mut Budget) {
        let released = amount.clamp(0, self.remaining);
        self.remaining -= released;
        budget.leased = budget.leased.saturating_sub(released).max(0);
    }
}

impl Budget {
    /// What is neither used nor leased; nothing if it has no amount and so needs no leases.
    pub(super) fn free(&self) -> i64 {
        let taken = self.used.saturating_add(self.leased);
        self.amount
            .map_or(0, |amount| amount.saturating_sub(taken).max(0))
    }

    /// Gives `amount`, which is free, to `lease`.
    pub(super) fn give(&mut self, amount: i64, lease: &mut Lease) {
        self.leased = self.leased.saturating_add(amount);
        lease.granted = lease.granted.saturating_add(amount);
        lease.remaining = lease.remaining.saturating_add(amount);
    }
}

/// Locks the leases with these ids.
pub(super) async fn lock_leases(tx: &mut Tx, ids: BTreeSet<Uuid>) -> Result<Leases, StoreError> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows: Vec<Lease> = batch::read(tx, &LEASES, &ids).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Locks the budgets with these ids. Leases are locked before them.
pub(super) async fn lock_budgets(tx: &mut Tx, ids: BTreeSet<Uuid>) -> Result<Budgets, StoreError> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows: Vec<Budget> = batch::read(tx, &BUDGETS, &ids).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Writes locked and new leases.
pub(super) async fn write_leases(tx: &mut Tx, rows: &[&Lease]) -> Result<(), StoreError> {
    write_rows!(tx, WRITE_LEASES, rows, |write, row| {
        write.bind(row.id).bind(row.budget_id);
        write.bind(row.instance_id).bind(row.epoch);
        write.bind(row.state).bind(row.granted);
        write.bind(row.returned).bind(row.remaining);
        write.bind(row.held).bind(row.unclaimed);
        write.bind(row.expires_at)
    });
    Ok(())
}

/// Writes locked budgets.
pub(super) async fn write_budgets(tx: &mut Tx, rows: &[&Budget]) -> Result<(), StoreError> {
    write_rows!(tx, WRITE_BUDGETS, rows, |write, row| {
        write.bind(row.id).bind(row.used).bind(row.leased)
    });
    Ok(())
}
