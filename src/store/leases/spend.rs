//! What booking does to budgets and leases: events spend, whatever became of their lease. It works
//! by sums and without reading rows, because a batch may name as many budgets as it has events;
//! only leases that were closed are looked at one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::claim::claim;
use super::take_back::{budgets_of, take_back};
use crate::store::StoreError;
use crate::store::batch::{self, Listing};
use crate::store::events::{Batch, Event};
use crate::store::transaction::Tx;

/// What a lease gives up: the smaller of what is charged and what is left.
macro_rules! released {
    ($charged:literal) => {
        concat!(
            "CASE WHEN remaining < ",
            $charged,
            " THEN remaining ELSE ",
            $charged,
            " END"
        )
    };
}

/// Rows of budget, charge and lease; each budget once. A counter stops at the largest number.
static CHARGE_BUDGETS: Listing = Listing::new(
    concat!(
        "UPDATE budgets SET leased = leased - d.released,
            used = CASE WHEN used > 9223372036854775807 - d.charged THEN 9223372036854775807
                ELSE used + d.charged END
        FROM (SELECT v.column1 AS id, v.column2 AS charged, COALESCE((SELECT ",
        released!("v.column2"),
        " FROM leases l WHERE l.id = v.column3 AND l.budget_id = v.column1
                AND l.state <> 'closed'), 0) AS released
            FROM (VALUES ",
    ),
    3,
    ") AS v) AS d WHERE budgets.id = d.id",
);
/// Rows of budget, charge, lease and what is held of it, where that is known; each lease of a budget
/// once.
static CHARGE_LEASES: Listing = Listing::new(
    concat!(
        "UPDATE leases SET charged = CASE WHEN charged > 9223372036854775807 - d.column2
                THEN 9223372036854775807 ELSE charged + d.column2 END,
            held = COALESCE(d.column4, held), remaining = remaining - ",
        released!("d.column2"),
        " FROM (VALUES "
    ),
    4,
    ") AS d WHERE id = d.column3 AND budget_id = d.column1 AND state <> 'closed'",
);
static LOCK_LEASES: Listing =
    Listing::locking("SELECT id FROM leases WHERE id IN (", ") ORDER BY id");
static LOCK_BUDGETS: Listing =
    Listing::locking("SELECT id FROM budgets WHERE id IN (", ") ORDER BY id");

/// What the events of a batch were charged to one budget and the lease behind it.
#[derive(Clone, Copy)]
pub(super) struct Charge {
    pub(super) budget: Uuid,
    pub(super) lease: Option<Uuid>,
    pub(super) amount: i64,
}

/// Charges `events`, those of `batch` that are new, to the budgets they name, notes what is held of
/// their leases by now, and takes back what the batch gives back.
pub(in crate::store) async fn spend(
    tx: &mut Tx,
    events: &[&Event<'_>],
    batch: Batch<'_>,
) -> Result<(), StoreError> {
    let returns = batch.returns;
    let held: HashMap<Uuid, i64> = batch.held.iter().copied().collect();
    let mut charges = sums(events);
    let leases = charges.iter().filter_map(|charge| charge.lease);
    let leases = leases.chain(returns.iter().map(|row| row.lease));
    batch::lock(tx, &LOCK_LEASES, &sorted(leases)).await?;
    let budgets = charges.iter().map(|charge| charge.budget);
    let budgets = budgets.chain(budgets_of(tx, returns).await?);
    batch::lock(tx, &LOCK_BUDGETS, &sorted(budgets)).await?;
    let at = events.iter().map(|event| event.at).max();
    claim(tx, &mut charges, at.unwrap_or_default()).await?;
    while !charges.is_empty() {
        charges = charge_budgets_once(tx, charges, &held).await?;
    }
    take_back(tx, returns).await
}

/// The charges of `events`, sorted by budget and lease.
fn sums(events: &[&Event<'_>]) -> Vec<Charge> {
    let mut sums: BTreeMap<(Uuid, Option<Uuid>), i64> = BTreeMap::new();
    for event in events {
        for draw in &event.budgets {
            let sum = sums.entry((draw.budget, draw.lease)).or_default();
            *sum = sum.saturating_add(event.charged(draw.unit));
        }
    }
    let charge = |((budget, lease), amount)| Charge {
        budget,
        lease,
        amount,
    };
    sums.into_iter().map(charge).collect()
}

/// Books the first of the charges of each budget, and answers the others.
async fn charge_budgets_once(
    tx: &mut Tx,
    charges: Vec<Charge>,
    held: &HashMap<Uuid, i64>,
) -> Result<Vec<Charge>, StoreError> {
    let mut last = None;
    let is_first = |charge: &Charge| last.replace(charge.budget) != Some(charge.budget);
    let (first, others): (Vec<_>, Vec<_>) = charges.into_iter().partition(is_first);
    let booked = write_rows!(&mut *tx, CHARGE_BUDGETS, &first, |charge, row| {
        charge.bind(row.budget).bind(row.amount).bind(row.lease)
    });
    if usize::try_from(booked) != Ok(first.len()) {
        tracing::error!(
            ledger.named = first.len(),
            ledger.booked = booked,
            "events name budgets that do not exist"
        );
    }
    let leased = first.into_iter().filter_map(|row| Some((row, row.lease?)));
    let leased: Vec<_> = leased.collect();
    write_rows!(tx, CHARGE_LEASES, &leased, |charge, (row, lease)| {
        charge.bind(row.budget).bind(row.amount);
        charge.bind(*lease).bind(held.get(lease).copied())
    });
    Ok(others)
}

fn sorted(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}
