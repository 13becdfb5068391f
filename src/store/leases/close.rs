//! The end of leases whose owner is gone. Expiry never frees: room comes back when the owner's
//! journal is booked, or is charged after long enough, and then goes to events that arrive late. What
//! none of them claimed goes back once it is sure that none will.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::Holder;
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
    WHERE state <> 'closed' AND state IN ('open', 'suspect') AND instance_id = $1 AND epoch >= $2
        AND epoch < $3 ORDER BY id LIMIT $4";
pub(super) const UNCLAIMED: &str = "SELECT id FROM leases
    WHERE state = 'closed' AND unclaimed > 0 AND instance_id = $1 AND epoch >= $2 AND epoch < $3
    ORDER BY id LIMIT $4";

/// How long a lease that became suspect waits for its owner's journal.
const PATIENCE: Duration = Duration::from_mins(15);
/// Leases that one transaction ends.
const MOST: i32 = 500;
const CHARGED: &str = "a lease expired and its owner did not come back";
const REFUNDED: &str = "its owner came back and had not spent it";

/// Lives of one instance, from the first epoch to before the other.
#[derive(Clone, Copy)]
struct Lives {
    instance: Uuid,
    first: i64,
    before: i64,
}

/// Leases that are to end, and how.
#[derive(Clone, Copy)]
enum Due {
    /// Those whose life was over by then become suspect.
    Suspicion(Timestamp),
    /// Those that were suspect by then are charged.
    Charge(Timestamp),
    /// Those of these lives go back.
    Return(Lives),
    /// What was charged for those of these lives goes back.
    Refund(Lives),
}

/// Marks leases whose life is over. They keep counting: their owner may have spent them. From now on
/// their owner has 15 minutes, however late it was seen that they are over, or a clock was set.
pub async fn suspect_expired(db: &Db, now: Timestamp) -> Result<usize, StoreError> {
    Due::Suspicion(now).end_all(db, now).await
}

/// Closes leases that have been suspect for 15 minutes by charging what was left of them, and
/// answers how many. Events that arrive later take their charge from that.
pub async fn charge_expired(db: &Db, now: Timestamp) -> Result<usize, StoreError> {
    Due::Charge(now.minus(PATIENCE)).end_all(db, now).await
}

/// Closes the leases of `instance` from before `before_epoch` by giving back what is left of them, and
/// what was charged for those that were closed before. Answers how many. Only for whoever has booked
/// everything in that instance's journal.
pub async fn close_predecessors(
    db: &Db,
    instance: Uuid,
    before_epoch: i64,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let lives = Lives {
        instance,
        first: 0,
        before: before_epoch,
    };
    lives.close(db, now).await
}

/// The same for `holder`, which is about to end, and not for lives before it, whose journals may be
/// damaged.
pub async fn close_own(db: &Db, holder: &Holder, now: Timestamp) -> Result<usize, StoreError> {
    Lives::of(holder).close(db, now).await
}

/// Gives back what was charged for those of `leases` that were closed while `holder` was away, and
/// answers for how many. Only for the holder, once all that was spent from them is booked.
pub async fn refund(
    db: &Db,
    holder: &Holder,
    leases: &[Uuid],
    now: Timestamp,
) -> Result<usize, StoreError> {
    let due = Due::Refund(Lives::of(holder));
    retried(|| async {
        let mut tx = db.begin().await?;
        let ids = leases.iter().copied().collect();
        let refunded = due.end_these(&mut tx, ids, now).await?;
        tx.commit().await?;
        Ok(refunded)
    })
    .await
}

impl Lives {
    fn of(holder: &Holder) -> Self {
        Self {
            instance: holder.instance,
            first: holder.epoch,
            before: holder.epoch.saturating_add(1),
        }
    }

    async fn close(self, db: &Db, now: Timestamp) -> Result<usize, StoreError> {
        let closed = Due::Return(self).end_all(db, now).await?;
        Ok(closed + Due::Refund(self).end_all(db, now).await?)
    }

    fn include(self, lease: &Lease) -> bool {
        let epochs = self.first..self.before;
        lease.instance_id == self.instance && epochs.contains(&lease.epoch)
    }
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
        let ended = self.end_these(&mut tx, ids, now).await?;
        tx.commit().await?;
        Ok((found, ended))
    }

    async fn end_these(
        self,
        tx: &mut Tx,
        ids: BTreeSet<Uuid>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut leases = lock_leases(tx, ids).await?;
        leases.retain(|_, lease| self.concerns(lease));
        let budgets = leases.values().filter(|_| self.touches_budgets());
        let budgets = budgets.map(|lease| lease.budget_id).collect();
        let mut budgets = lock_budgets(tx, budgets).await?;
        let mut adjustments = Vec::new();
        for lease in leases.values_mut() {
            let amount = self.end(lease, budgets.get_mut(&lease.budget_id));
            adjustments.extend((amount != 0).then(|| self.adjustment(lease, amount, now)));
        }
        write_leases(tx, &leases.values().collect::<Vec<_>>()).await?;
        write_budgets(tx, &budgets.values().collect::<Vec<_>>()).await?;
        adjust::insert(tx, &adjustments).await?;
        Ok(leases.len())
    }

    async fn find(self, tx: &mut Tx) -> Result<BTreeSet<Uuid>, StoreError> {
        let ids: Vec<Uuid> = with_tx!(tx, |c| match self {
            Self::Suspicion(before) | Self::Charge(before) => {
                let find = sqlx::query_scalar(BY_EXPIRY).bind(self.state());
                find.bind(before).bind(MOST).fetch_all(c).await
            }
            Self::Return(lives) | Self::Refund(lives) => {
                let sql = match self.state() {
                    LeaseState::Closed => UNCLAIMED,
                    _ => BY_HOLDER,
                };
                let find = sqlx::query_scalar(sql).bind(lives.instance);
                let find = find.bind(lives.first).bind(lives.before);
                find.bind(MOST).fetch_all(c).await
            }
        })?;
        Ok(ids.into_iter().collect())
    }

    fn state(self) -> LeaseState {
        match self {
            Self::Charge(_) => LeaseState::Suspect,
            Self::Suspicion(_) | Self::Return(_) => LeaseState::Open,
            Self::Refund(_) => LeaseState::Closed,
        }
    }

    fn concerns(self, lease: &Lease) -> bool {
        match self {
            Self::Suspicion(before) | Self::Charge(before) => {
                lease.state == self.state() && lease.expires_at <= before
            }
            Self::Return(lives) => lives.include(lease) && lease.state != LeaseState::Closed,
            Self::Refund(lives) => {
                let is_charged = lease.state == self.state() && lease.unclaimed > 0;
                lives.include(lease) && is_charged
            }
        }
    }

    fn touches_budgets(self) -> bool {
        !matches!(self, Self::Suspicion(_))
    }

    /// Answers by how much its budget is used more.
    fn end(self, lease: &mut Lease, budget: Option<&mut Budget>) -> i64 {
        match (self, budget) {
            (Self::Charge(_), Some(budget)) => return lease.close_charging(budget),
            (Self::Refund(_), Some(budget)) => return lease.refund(budget),
            (Self::Return(_), Some(budget)) => lease.close(budget),
            (Self::Suspicion(now), _) => lease.suspect(now),
            (_, None) => {}
        }
        0
    }

    fn adjustment(self, lease: &Lease, amount: i64, at: Timestamp) -> Adjustment {
        Adjustment {
            budget_id: lease.budget_id,
            lease_id: Some(lease.id),
            amount,
            reason: match self {
                Self::Refund(_) => REFUNDED,
                _ => CHARGED,
            },
            at,
        }
    }
}
