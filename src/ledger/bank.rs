//! Asks the store for room. One task answers everyone who waits, in one transaction; calls that find
//! room in memory never come here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::budget::Budget;
use super::{Ledger, Unavailable};
use crate::store::StoreError;
use crate::store::leases::{self, Ask};

/// How long the store may take to answer: one that hangs counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Those who wait for room.
#[derive(Default)]
pub(super) struct Bank {
    waiting: Mutex<Vec<Wish>>,
    bell: Notify,
}

/// Room that is missing in a budget; 0 asks how it stands.
pub(super) struct Want {
    pub(super) budget: Arc<Budget>,
    pub(super) need: i64,
}

pub(super) type Wants = SmallVec<[Want; 4]>;

struct Wish {
    wants: Wants,
    answered: Option<oneshot::Sender<()>>,
}

/// All wishes for one budget.
struct Sum {
    budget: Arc<Budget>,
    all: i64,
    least: i64,
}

impl Bank {
    /// Returns when the store has answered; what it gave is in the budgets then, for whoever is first.
    pub(super) async fn ask(&self, wants: Wants) -> Result<(), Unavailable> {
        let (answered, answer) = oneshot::channel();
        self.push(wants, Some(answered));
        let answer = timeout(PATIENCE * 2, answer).await;
        answer.map_err(|_| Unavailable)?.map_err(|_| Unavailable)
    }

    /// Asks for as much as the store gives, while calls go on.
    pub(super) fn refill(&self, budget: &Arc<Budget>) {
        let budget = Arc::clone(budget);
        self.push(SmallVec::from_iter([Want { budget, need: 1 }]), None);
    }

    /// Asks how `budgets` stand.
    pub(super) fn look(&self, budgets: impl Iterator<Item = Arc<Budget>>) {
        let wants: Wants = budgets.map(|budget| Want { budget, need: 0 }).collect();
        if !wants.is_empty() {
            self.push(wants, None);
        }
    }

    fn push(&self, wants: Wants, answered: Option<oneshot::Sender<()>>) {
        self.waiting.lock().push(Wish { wants, answered });
        self.bell.notify_one();
    }
}

impl Ledger {
    /// Answers wishes until `stop`.
    pub(super) async fn lend(&self, stop: &CancellationToken) {
        while let Some(()) = stop.run_until_cancelled(self.bank.bell.notified()).await {
            let wishes = std::mem::take(&mut *self.bank.waiting.lock());
            let (sums, waiting) = sum(wishes);
            match self.grant(&sums).await {
                Ok(()) => waiting.into_iter().for_each(|waiting| {
                    // Whoever left needs no answer.
                    let _ = waiting.send(());
                }),
                Err(StoreError::Fenced) => self.fence(),
                Err(error) => {
                    for sum in sums.values() {
                        sum.budget.slice().unanswered();
                    }
                    tracing::warn!(%error, cause = error.cause(), "no room could be asked for");
                }
            }
        }
    }

    async fn grant(&self, sums: &BTreeMap<Uuid, Sum>) -> Result<(), StoreError> {
        let began = Instant::now();
        if sums
            .values()
            .any(|sum| sum.budget.slice().is_overdue(began))
        {
            self.renew().await?;
        }
        let as_of = self.edits();
        let asks: Vec<Ask> = sums.values().map(Sum::ask).collect();
        let sent = Instant::now();
        let asking = leases::grant(&self.db, &self.holder, &asks, self.clock.now());
        let answers = timeout(PATIENCE, asking).await;
        let answers = answers.map_err(|late| StoreError::unavailable(&late))??;
        for answer in &answers {
            if let Some(sum) = sums.get(&answer.budget) {
                let budget = &sum.budget;
                let back = {
                    let mut slice = budget.slice();
                    slice.answered(answer, as_of, sent, self.lasts);
                    slice.trim()
                };
                self.outbox.give_back(budget, back);
            }
        }
        Ok(())
    }
}

/// The wishes by budget, in the order in which rows are locked, and who waits for them.
fn sum(wishes: Vec<Wish>) -> (BTreeMap<Uuid, Sum>, Vec<oneshot::Sender<()>>) {
    let mut sums: BTreeMap<Uuid, Sum> = BTreeMap::new();
    let mut waiting = Vec::with_capacity(wishes.len());
    for wish in wishes {
        waiting.extend(wish.answered);
        for Want { budget, need } in wish.wants {
            let fresh = || Sum {
                budget: Arc::clone(&budget),
                all: 0,
                least: need,
            };
            let sum = sums.entry(budget.row).or_insert_with(fresh);
            sum.all = sum.all.saturating_add(need);
            sum.least = sum.least.min(need);
        }
    }
    (sums, waiting)
}

impl Sum {
    /// All that is wished if that much is free, as last seen; else what is free, but enough for one.
    fn ask(&self) -> Ask {
        let mut slice = self.budget.slice();
        slice.asking();
        Ask {
            lease: slice.lease(),
            budget: self.budget.row,
            need: self.all.min(slice.free().max(self.least)),
        }
    }
}
