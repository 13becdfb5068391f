//! Giving room: all that wait for some are answered by one transaction.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::rows::{Budgets, Lease, Leases, lock_budgets, lock_leases, write_budgets, write_leases};
use super::{Answer, Ask, Balance, Holder, expiry, holders};
use crate::domain::time::Timestamp;
use crate::store::batch::{self, Listing};
use crate::store::transaction::{Tx, retried};
use crate::store::{Db, StoreError};

static SUSPECT: Listing = Listing::new(
    "SELECT budget_id, CAST(SUM(remaining) AS BIGINT) FROM leases
    WHERE state <> 'closed' AND state = 'suspect' AND budget_id IN (",
    1,
    ") GROUP BY budget_id",
);

/// One transaction's view of what is asked for.
struct Granting<'a> {
    holder: &'a Holder,
    live: i64,
    expires_at: Timestamp,
    leases: Leases,
    budgets: Budgets,
    given: BTreeSet<Uuid>,
}

/// Answers all `asks` in one transaction, in their order.
pub async fn grant(
    db: &Db,
    holder: &Holder,
    asks: &[Ask],
    now: Timestamp,
) -> Result<Vec<Answer>, StoreError> {
    retried(|| grant_once(db, holder, asks, now)).await
}

async fn grant_once(
    db: &Db,
    holder: &Holder,
    asks: &[Ask],
    now: Timestamp,
) -> Result<Vec<Answer>, StoreError> {
    let mut tx = db.begin().await?;
    holders::prove(&mut tx, holder, now).await?;
    let mut granting = Granting {
        holder,
        live: holders::live(&mut tx, now).await?,
        expires_at: expiry(db, now),
        leases: lock_leases(&mut tx, asks.iter().map(|ask| ask.lease).collect()).await?,
        budgets: lock_budgets(&mut tx, asks.iter().map(|ask| ask.budget).collect()).await?,
        given: BTreeSet::new(),
    };
    let granted: Vec<i64> = asks.iter().map(|ask| granting.give(ask)).collect();
    granting.write(&mut tx).await?;
    let refused = asks
        .iter()
        .zip(&granted)
        .filter(|(_, granted)| **granted == 0);
    let refused = refused.map(|(ask, _)| ask.budget).collect();
    let suspect = suspect(&mut tx, refused).await?;
    tx.commit().await?;
    let answers = asks.iter().zip(granted);
    let answers = answers.map(|(ask, granted)| granting.answer(ask, granted, &suspect));
    Ok(answers.collect())
}

impl Granting<'_> {
    fn give(&mut self, ask: &Ask) -> i64 {
        let Some(budget) = self.budgets.get_mut(&ask.budget) else {
            return 0;
        };
        let new = || Lease::new(ask.lease, ask.budget, self.holder);
        let lease = self.leases.entry(ask.lease).or_insert_with(new);
        if !lease.serves(self.holder, ask.budget) {
            return 0;
        }
        let granted = portion(budget.free(), ask.need, self.live);
        if granted > 0 {
            budget.give(granted, lease);
            lease.renew(lease.held, self.expires_at);
            self.given.insert(lease.id);
        }
        granted
    }

    /// Writes what was given.
    async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let leases = self.given.iter().filter_map(|id| self.leases.get(id));
        let leases: Vec<&Lease> = leases.collect();
        let budgets: BTreeSet<Uuid> = leases.iter().map(|lease| lease.budget_id).collect();
        let budgets = budgets.iter().filter_map(|id| self.budgets.get(id));
        write_leases(tx, &leases).await?;
        write_budgets(tx, &budgets.collect::<Vec<_>>()).await
    }

    /// A budget that does not exist allows nothing.
    fn answer(&self, ask: &Ask, granted: i64, suspect: &BTreeMap<Uuid, i64>) -> Answer {
        let budget = self.budgets.get(&ask.budget);
        let lease = self.leases.get(&ask.lease);
        Answer {
            lease: ask.lease,
            budget: ask.budget,
            granted,
            balance: lease.map_or_else(Balance::default, Lease::balance),
            amount: budget.map_or(Some(0), |budget| budget.amount),
            used: budget.map_or(0, |budget| budget.used),
            leased: budget.map_or(0, |budget| budget.leased),
            suspect: suspect.get(&ask.budget).copied().unwrap_or_default(),
            is_lost: lease.is_some_and(|lease| !lease.serves(self.holder, ask.budget)),
        }
    }
}

/// Half of an equal share for each process alive, so that the next ask finds something too.
fn portion(free: i64, need: i64, live: i64) -> i64 {
    let need = need.max(1);
    if free < need {
        return 0;
    }
    let share = free / live.saturating_mul(2).max(1);
    share.clamp(need, free)
}

/// What suspect leases hold of `budgets`.
async fn suspect(tx: &mut Tx, budgets: BTreeSet<Uuid>) -> Result<BTreeMap<Uuid, i64>, StoreError> {
    let budgets: Vec<Uuid> = budgets.into_iter().collect();
    let sums: Vec<(Uuid, i64)> = batch::read(tx, &SUSPECT, &budgets).await?;
    Ok(sums.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_portion_leaves_something_for_others() {
        assert_eq!(portion(1000, 10, 1), 500);
        assert_eq!(portion(1000, 10, 4), 125);
        assert_eq!(portion(1000, 700, 4), 700);
        assert_eq!(portion(1000, 1001, 1), 0);
        assert_eq!(portion(1, 0, 1), 1);
        assert_eq!(portion(0, 0, 1), 0);
    }

    proptest! {
        #[test]
        fn a_portion_is_nothing_or_enough_and_never_more_than_is_free(
            free in 0i64..1_000_000, need in 0i64..1_000_000, live in 0i64..100,
        ) {
            let granted = portion(free, need, live);
            prop_assert!(granted <= free);
            prop_assert!(granted == 0 || granted >= need);
            prop_assert_eq!(granted == 0, free < need.max(1));
        }
    }
}
