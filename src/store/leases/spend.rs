//! What booking does to leases and budgets: events spend, whatever became of their lease; then
//! owners give back room.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Return;
use super::adjust::{self, Adjustment};
use super::rows::{
    Budget, Budgets, Lease, Leases, lock_budgets, lock_leases, write_budgets, write_leases,
};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::events::Event;
use crate::store::transaction::Tx;

const CLAIMED: &str = "an event arrived that the closing of its lease had charged";

/// What the events of a batch were charged, by budget and by the lease behind it.
type Charges = BTreeMap<(Uuid, Option<Uuid>), i64>;

/// Charges `events`, which are new, to the budgets they name, and takes back `returns`.
pub(in crate::store) async fn spend(
    tx: &mut Tx,
    events: &[&Event<'_>],
    returns: &[Return],
) -> Result<(), StoreError> {
    let charges = charges(events);
    let named = charges.keys().filter_map(|(_, lease)| *lease);
    let named: BTreeSet<Uuid> = named.chain(returns.iter().map(|row| row.lease)).collect();
    let mut leases = lock_leases(tx, named).await?;
    let before = leases.clone();
    let of_leases = leases.values().map(|lease| lease.budget_id);
    let named: BTreeSet<Uuid> = charges
        .keys()
        .map(|(budget, _)| *budget)
        .chain(of_leases)
        .collect();
    let mut budgets = lock_budgets(tx, named).await?;
    let at = events
        .iter()
        .map(|event| event.at)
        .max()
        .unwrap_or_default();
    let claims = charge(&charges, &mut leases, &mut budgets, at);
    for Return { lease, total } in returns {
        if let Some((lease, budget)) = pair(&mut leases, &mut budgets, *lease) {
            lease.take_back(*total, budget);
        }
    }
    let changed = leases
        .values()
        .filter(|lease| before.get(&lease.id) != Some(lease));
    write_leases(tx, &changed.collect::<Vec<_>>()).await?;
    write_budgets(tx, &budgets.values().collect::<Vec<_>>()).await?;
    adjust::insert(tx, &claims).await
}

fn charges(events: &[&Event<'_>]) -> Charges {
    let mut charges = Charges::new();
    for event in events {
        for draw in &event.budgets {
            let sum = charges.entry((draw.budget, draw.lease)).or_default();
            *sum = sum.saturating_add(event.charged(draw.unit));
        }
    }
    charges
}

/// Charges the budgets, and answers what was charged before, when a lease was closed.
fn charge(
    charges: &Charges,
    leases: &mut Leases,
    budgets: &mut Budgets,
    at: Timestamp,
) -> Vec<Adjustment> {
    let mut claims = Vec::new();
    for ((id, lease), charged) in charges {
        let Some(budget) = budgets.get_mut(id) else {
            tracing::error!(budget.id = %id, "events name a budget that does not exist");
            continue;
        };
        let lease = lease.and_then(|lease| leases.get_mut(&lease));
        let lease = lease.filter(|lease| lease.budget_id == *id);
        let lease_id = lease.as_ref().map(|lease| lease.id);
        let claimed = lease.map_or(0, |lease| lease.spend(*charged, budget));
        budget.charge(*charged, claimed);
        if claimed > 0 {
            claims.push(Adjustment {
                budget_id: *id,
                lease_id,
                amount: -claimed,
                reason: CLAIMED,
                at,
            });
        }
    }
    claims
}

/// A locked lease and its budget.
fn pair<'r>(
    leases: &'r mut Leases,
    budgets: &'r mut Budgets,
    lease: Uuid,
) -> Option<(&'r mut Lease, &'r mut Budget)> {
    let lease = leases.get_mut(&lease)?;
    let budget = budgets.get_mut(&lease.budget_id)?;
    Some((lease, budget))
}
