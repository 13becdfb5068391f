//! Room that owners give back.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Return;
use super::rows::{lock_budgets, lock_leases, write_budgets, write_leases};
use crate::store::StoreError;
use crate::store::batch::{self, Listing};
use crate::store::transaction::Tx;

static BUDGETS: Listing = Listing::new("SELECT budget_id FROM leases WHERE id IN (", 1, ")");

/// The budgets that `returns` go back to.
pub(super) async fn budgets_of(tx: &mut Tx, returns: &[Return]) -> Result<Vec<Uuid>, StoreError> {
    let leases: Vec<Uuid> = returns.iter().map(|row| row.lease).collect();
    let budgets: Vec<(Uuid,)> = batch::read(tx, &BUDGETS, &leases).await?;
    Ok(budgets.into_iter().map(|(id,)| id).collect())
}

/// Takes back `returns`. A lease that is closed has nothing to give.
pub(super) async fn take_back(tx: &mut Tx, returns: &[Return]) -> Result<(), StoreError> {
    let ids: BTreeSet<Uuid> = returns.iter().map(|row| row.lease).collect();
    let mut leases = lock_leases(tx, ids).await?;
    let ids: BTreeSet<Uuid> = leases.values().map(|lease| lease.budget_id).collect();
    let mut budgets = lock_budgets(tx, ids).await?;
    for Return { lease, total } in returns {
        let lease = leases.get_mut(lease);
        let budget = lease.as_ref().map(|lease| lease.budget_id);
        let budget = budget.and_then(|id| budgets.get_mut(&id));
        if let Some((lease, budget)) = lease.zip(budget) {
            lease.take_back(*total, budget);
        }
    }
    write_leases(tx, &leases.values().collect::<Vec<_>>()).await?;
    write_budgets(tx, &budgets.values().collect::<Vec<_>>()).await
}
