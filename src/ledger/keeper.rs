//! Keeps this process's leases alive, gives back what it does not use, and looks after the leases of
//! processes that are gone. What it says late is safe: a lease that expires keeps counting.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Ledger;
use super::budget::Budget;
use crate::store::StoreError;
use crate::store::leases::{self, Renewal};

const EVERY: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(5);
/// A budget that no call used for so many looks, a lease life, keeps no room.
const IDLE_LOOKS: u32 = 6;

impl Ledger {
    /// Keeps leases until `stop`.
    pub(super) async fn keep(&self, stop: &CancellationToken) {
        loop {
            match timeout(PATIENCE, self.renew()).await {
                Ok(Ok(())) => {}
                Ok(Err(StoreError::Fenced)) => self.fence(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, cause = error.cause(), "leases could not be renewed");
                }
                Err(_) => tracing::warn!("leases could not be renewed in time"),
            }
            if stop
                .run_until_cancelled(tokio::time::sleep(EVERY))
                .await
                .is_none()
            {
                return;
            }
            self.tidy();
        }
    }

    pub(super) async fn renew(&self) -> Result<(), StoreError> {
        let mut held: Vec<(Uuid, i64)> = {
            let budgets = self.budgets.lock();
            let slices = budgets.values().map(|budget| budget.slice());
            let leasing = slices.filter(|slice| slice.is_leasing());
            leasing.map(|slice| (slice.lease(), slice.held())).collect()
        };
        held.sort_unstable();
        let (sent, now) = (Instant::now(), self.clock.now());
        let Renewal { lost, .. } = leases::renew(&self.db, &self.holder, &held, now).await?;
        self.heard(&held, &lost.into_iter().collect(), sent);
        self.take_refunds().await?;
        leases::suspect_expired(&self.db, now).await?;
        leases::charge_expired(&self.db, now).await?;
        Ok(())
    }

    /// The store was asked at `sent` to keep the leases `asked`, sorted, and had closed the `lost` ones.
    fn heard(&self, asked: &[(Uuid, i64)], lost: &HashSet<Uuid>, sent: Instant) {
        for budget in self.budgets.lock().values() {
            let mut slice = budget.slice();
            let lease = slice.lease();
            if lost.contains(&lease) {
                tracing::warn!(budget = %budget.row, "a lease was closed while its process was away");
                slice.lose(lease);
            } else if asked.binary_search_by_key(&lease, |(id, _)| *id).is_ok() {
                slice.renewed(lease, sent, self.lasts);
            }
        }
    }

    /// Has back what was charged for leases that were closed while this process was away, once all that
    /// it spent from them is booked.
    async fn take_refunds(&self) -> Result<(), StoreError> {
        let spent_up: Vec<(Arc<Budget>, Vec<Uuid>)> = {
            let budgets = self.budgets.lock();
            let lost = budgets
                .values()
                .map(|budget| (Arc::clone(budget), budget.slice().spent_up().to_vec()));
            lost.filter(|(_, leases)| !leases.is_empty()).collect()
        };
        let leases: Vec<Uuid> = spent_up
            .iter()
            .flat_map(|(_, leases)| leases)
            .copied()
            .collect();
        if leases.is_empty() {
            return Ok(());
        }
        leases::refund(&self.db, &self.holder, &leases, self.clock.now()).await?;
        for (budget, leases) in &spent_up {
            budget.slice().refunded(leases);
        }
        Ok(())
    }

    /// Gives back the room of budgets that nobody uses, asks for answers that were not heard, and
    /// forgets what has nothing in it.
    pub(super) fn tidy(&self) {
        let now = self.clock.now();
        let mut budgets = self.budgets.lock();
        for budget in budgets.values() {
            let mut slice = budget.slice();
            let is_over = budget
                .key
                .period
                .end(budget.key.start)
                .is_some_and(|end| end <= now);
            let is_unused = slice.look() >= IDLE_LOOKS || is_over || Arc::strong_count(budget) == 1;
            let back = if is_unused {
                slice.empty()
            } else {
                slice.trim()
            };
            if slice.is_unsure() {
                self.bank.look(std::iter::once(Arc::clone(budget)));
            }
            drop(slice);
            self.outbox.give_back(budget, back);
        }
        budgets.retain(|_, budget| Arc::strong_count(budget) > 1 || !budget.slice().is_blank());
    }

    /// Takes all idle room out of memory, to be given back with the last batch.
    pub(super) fn empty_all(&self) {
        for budget in self.budgets.lock().values() {
            let back = budget.slice().empty();
            self.outbox.give_back(budget, back);
        }
    }

    /// Others wait for room in the budgets `rows`: what is idle here goes back at once.
    pub fn recalled(&self, rows: impl Iterator<Item = Uuid>) {
        let budgets = self.budgets.lock();
        for budget in rows.filter_map(|row| budgets.get(&row)) {
            if let back @ Some(_) = budget.slice().empty() {
                self.outbox.give_back(budget, back);
                self.outbox.hurry();
            }
        }
    }
}
