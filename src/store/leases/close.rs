//! The end of leases whose owner is gone. Expiry never frees: room comes back when the owner's
//! journal is booked, or is charged after long enough, and then goes to events that arrive late.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::adjust::{self, Adjustment};
use super::rows::{
    Budget, Lease, LeaseState, lock_budgets, lock_leases, write_budgets, write_leases,
};
use crate::domain::time::Timestamp;
use crate::store::transaction::{Tx, retried};
use crate::store::{Db, StoreError};

pub(super) const BY_EXPIRY: &str = "SELECT id FROM leases
    WHERE state <> 'closed' AND state = $1 AND expires_at <= $2 ORDER BY id LIMIT $3";
pub(super) const BY_HOLDER: &str = "SELECT id FROM leases
    WHERE state <> 'closed' AND state IN ('open', 'suspect') AND instance_id = $1 AND epoch < $2
    ORDER BY id LIMIT $3";

/// How long after its expiry a lease waits for its owner's journal.
const PATIENCE: Duration = Duration::from_mins(15);
/// Leases that one transaction ends.
const MOST: i32 = 500;
const CHARGED: &str = "a lease expired and its owner did not come back";

/// Leases that are to end, and how.
#[derive(Clone, Copy)]
enum Due {
    /// Those whose life was over by then become suspect.
    Suspicion(Timestamp),
    /// Suspect ones whose life was over by then are charged.
    Charge(Timestamp),
    /// Those from before an epoch go back.
    Return { instance: Uuid, before_epoch: i64 },
}

/// Marks leases whose life is over. They keep counting: their owner may have spent them.
pub async fn suspect_expired(db: &Db, now: Timestamp) -> Result<usize, StoreError> {
    Due::Suspicion(now).end_all(db, now).await
}

/// Closes leases that have been expired for 15 minutes by charging what was left of them, and
/// answers how many. Events that arrive later take their charge from that.
pub async fn charge_expired(db: &Db, now: Timestamp) -> Result<usize, StoreError> {
    Due::Charge(now.minus(PATIENCE)).end_all(db, now).await
}

/// Closes the leases of `instance` from before `before_epoch` by giving back what is left of them,
/// and answers how many. Only for whoever has booked everything in that instance's journal.
pub async fn close_predecessors(
    db: &Db,
    instance: Uuid,
    before_epoch: i64,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let due = Due::Return {
        instance,
        before_epoch,
    };
    due.end_all(db, now).await
}

impl Due {
    async fn end_all(self, db: &Db, now: Timestamp) -> Result<usize, StoreError> {
        let mut ended = 0;
        loop {
            let (found, done) = retried(|| self.end_some(db, now)).await?;
            ended += done;
            if i32::try_from(found).is_ok_and(|found| found < MOST) {
                return Ok(ended);
            }
        }
    }

    /// Answers how many were found, and how many of them were still to end once locked.
    async fn end_some(self, db: &Db, now: Timestamp) -> Result<(usize, usize), StoreError> {
        let mut tx = db.begin().await?;
        let ids = self.find(&mut tx).await?;
        let found = ids.len();
        let mut leases = lock_leases(&mut tx, ids).await?;
        leases.retain(|_, lease| self.concerns(lease));
        let budgets = leases.values().filter(|_| self.touches_budgets());
        let budgets = budgets.map(|lease| lease.budget_id).collect();
        let mut budgets = lock_budgets(&mut tx, budgets).await?;
        let mut charges = Vec::new();
        for lease in leases.values_mut() {
            let lost = self.end(lease, budgets.get_mut(&lease.budget_id));
            charges.extend((lost > 0).then(|| charge(lease, lost, now)));
        }
        write_leases(&mut tx, &leases.values().collect::<Vec<_>>()).await?;
        write_budgets(&mut tx, &budgets.values().collect::<Vec<_>>()).await?;
        adjust::insert(&mut tx, &charges).await?;
        tx.commit().await?;
        Ok((found, leases.len()))
    }

    async fn find(self, tx: &mut Tx) -> Result<BTreeSet<Uuid>, StoreError> {
        let ids: Vec<Uuid> = with_tx!(tx, |c| match self {
            Self::Suspicion(before) | Self::Charge(before) => {
                let find = sqlx::query_scalar(BY_EXPIRY).bind(self.state());
                find.bind(before).bind(MOST).fetch_all(c).await
            }
            Self::Return {
                instance,
                before_epoch,
            } => {
                let find = sqlx::query_scalar(BY_HOLDER).bind(instance);
                find.bind(before_epoch).bind(MOST).fetch_all(c).await
            }
        })?;
        Ok(ids.into_iter().collect())
    }

    fn state(self) -> LeaseState {
        match self {
            Self::Charge(_) => LeaseState::Suspect,
            Self::Suspicion(_) | Self::Return { .. } => LeaseState::Open,
        }
    }

    fn concerns(self, lease: &Lease) -> bool {
        match self {
            Self::Suspicion(before) | Self::Charge(before) => {
                lease.state == self.state() && lease.expires_at <= before
            }
            Self::Return { .. } => lease.state != LeaseState::Closed,
        }
    }

    fn touches_budgets(self) -> bool {
        !matches!(self, Self::Suspicion(_))
    }

    /// Answers what is charged for it.
    fn end(self, lease: &mut Lease, budget: Option<&mut Budget>) -> i64 {
        match (self, budget) {
            (Self::Charge(_), Some(budget)) => return lease.close_charging(budget),
            (Self::Return { .. }, Some(budget)) => lease.close(budget),
            (Self::Suspicion(_), _) => lease.state = LeaseState::Suspect,
            (_, None) => {}
        }
        0
    }
}

fn charge(lease: &Lease, amount: i64, at: Timestamp) -> Adjustment {
    Adjustment {
        budget_id: lease.budget_id,
        lease_id: Some(lease.id),
        amount,
        reason: CHARGED,
        at,
    }
}
