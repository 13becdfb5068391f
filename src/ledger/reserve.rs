//! Finds room for a call in every budget that covers it, or in none. Mostly there is room in memory;
//! else the store is asked, others are asked to give back what they do not use, and after a second
//! the call is refused, and told why.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::time::timeout;

use super::bank::{Want, Wants};
use super::budget::{Budget, Draws};
use super::cover::Cover;
use super::slice::Verdict;
use super::{Ledger, Unavailable};
use crate::domain::quota::Need;
use crate::store::{StoreError, leases};

/// How long a call waits for room that others may give back.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it asks for room that is there, while others are faster or the store is slow.
const PERSISTENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);
/// What was seen of the store so recently counts as fresh: many calls at once ask it once.
const FRESH: Duration = Duration::from_millis(50);
/// How often others are asked to give back room of the same budget.
const RECALL_EVERY: Duration = Duration::from_millis(250);

/// Why no room was found.
#[derive(Debug)]
pub enum Shortage {
    /// Calls that are running hold what is left of this budget.
    Held(Arc<Budget>),
    /// Processes that are gone hold it.
    Suspect(Arc<Budget>),
    /// There is not enough left in this budget, whatever those calls give back.
    Exhausted(Arc<Budget>),
    /// This budget is of money, and what the call costs is not known.
    Unpriced(Arc<Budget>),
    /// Nobody can tell, or nothing can be recorded.
    Unavailable,
}

/// Room for one call.
pub struct Room {
    /// What it drew.
    pub(super) draws: Draws,
    /// Its output cap per completion.
    pub(super) cap: i64,
}

/// What a call could hold now, and what is missing for that.
struct Plan {
    cap: i64,
    wants: Wants,
    /// Of what is missing: where the store was just seen to have no room either, and why. Judged
    /// together with what is missing: a moment later, room that was granted would look like none.
    vain: SmallVec<[(Verdict, Arc<Budget>); 4]>,
}

impl Ledger {
    /// Room for `need` in all budgets of `covers`. The output cap shrinks to a fair share before
    /// anything is refused. Waits only where memory has no room.
    pub async fn reserve(&self, need: &Need, covers: &[Arc<Cover>]) -> Result<Room, Shortage> {
        if !self.is_admitting() {
            return Err(Shortage::Unavailable);
        }
        let budgets = || covers.iter().flat_map(|cover| cover.budgets());
        if let Some(budget) = budgets().find(|budget| budget.is_unpriced(need)) {
            return Err(Shortage::Unpriced(Arc::clone(budget)));
        }
        let room = match Draws::take_freely(budgets(), need, Instant::now()) {
            Some(draws) => Room {
                draws,
                cap: need.cap,
            },
            // Boxed: calls seldom need it, and its future is large.
            None => Box::pin(self.find_room(need, covers)).await?,
        };
        for budget in room.draws.low() {
            self.bank.refill(budget);
        }
        Ok(room)
    }

    async fn find_room(&self, need: &Need, covers: &[Arc<Cover>]) -> Result<Room, Shortage> {
        let budgets = || covers.iter().flat_map(|cover| cover.budgets());
        let began = Instant::now();
        let mut since = began.checked_sub(FRESH).unwrap_or(began);
        let mut pause = FIRST_PAUSE;
        loop {
            let now = Instant::now();
            let Plan { cap, wants, vain } = Plan::of(need, budgets(), since, now);
            if wants.is_empty() {
                // None if another call was faster, which the next plan sees.
                if let Some(draws) = Draws::take(budgets(), need, cap, now) {
                    return Ok(Room { draws, cap });
                }
                continue;
            }
            let waited = now.duration_since(began);
            let is_late = waited >= PATIENCE;
            // Room is refused only while it is held: what is there is asked for again.
            if waited >= PERSISTENCE || !vain.is_empty() {
                let (verdict, budget) = judge(&vain, &wants);
                if is_late || verdict != Verdict::Soon {
                    return Err(Shortage::new(verdict, budget));
                }
                // Own room that goes back, and own calls that are not booked, count as well.
                self.outbox.hurry();
                self.recall(&wants).await;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                since = Instant::now();
                continue;
            }
            self.bank.ask(wants).await?;
        }
    }

    /// Asks all processes to give back what they do not use.
    async fn recall(&self, wants: &Wants) {
        let due = wants
            .iter()
            .filter(|want| want.budget.slice().is_recall_due(RECALL_EVERY));
        let rows: SmallVec<[_; 4]> = due.map(|want| want.budget.row).collect();
        if rows.is_empty() {
            return;
        }
        let recalling = leases::recall(&self.db, &rows, self.clock.now());
        let recalled = timeout(PATIENCE, recalling).await;
        if let Err(error) = recalled.unwrap_or_else(|late| Err(StoreError::unavailable(&late))) {
            tracing::warn!(%error, cause = error.cause(), "room could not be asked back");
        }
    }
}

impl Plan {
    /// What is asked before the cap shrinks, is asked in full; after that, what is missing for the
    /// shrunk one.
    fn of<'a>(
        need: &Need,
        budgets: impl Iterator<Item = &'a Arc<Budget>> + Clone,
        since: Instant,
        now: Instant,
    ) -> Self {
        let mut cap = need.cap;
        let mut unseen = Wants::new();
        for budget in budgets.clone() {
            let slice = budget.slice();
            let fair = slice
                .standing()
                .map_or(need.cap, |standing| need.cap_within(&standing));
            cap = cap.min(fair);
            if fair < need.cap && !slice.was_seen(since) {
                let wanted = need.hold(budget.key.unit, need.cap);
                unseen.push(Want::new(budget, slice.missing(wanted)));
            }
        }
        if !unseen.is_empty() {
            return Self {
                cap,
                wants: unseen,
                vain: SmallVec::new(),
            };
        }
        // Another budget may keep the cap below this one's own floor.
        let idle_cap = budgets.clone().map(|budget| budget.slice().idle_cap(need));
        let least = Need {
            cap: idle_cap.min().unwrap_or(need.cap),
            ..*need
        };
        let (mut wants, mut vain) = (Wants::new(), SmallVec::new());
        for budget in budgets {
            let slice = budget.slice();
            let wanted = need.hold(budget.key.unit, cap);
            let Some(shortfall) = slice.shortfall(wanted, now) else {
                continue;
            };
            if slice.was_seen(since) && slice.free() < shortfall {
                vain.push((slice.verdict(&least), Arc::clone(budget)));
            }
            wants.push(Want::new(budget, shortfall));
        }
        Self { cap, wants, vain }
    }
}

impl Want {
    fn new(budget: &Arc<Budget>, need: i64) -> Self {
        let budget = Arc::clone(budget);
        Self { budget, need }
    }
}

/// What stands in the way most: of what is in vain, or else of what is only late.
fn judge<'a>(vain: &'a [(Verdict, Arc<Budget>)], wants: &'a Wants) -> (Verdict, &'a Arc<Budget>) {
    let vain = vain.iter().map(|(verdict, budget)| (*verdict, budget));
    let late = wants.iter().map(|want| (Verdict::Soon, &want.budget));
    let worst = vain.chain(late).min_by_key(|(verdict, _)| *verdict);
    worst.expect("something is wanted")
}

impl Shortage {
    fn new(verdict: Verdict, budget: &Arc<Budget>) -> Self {
        let budget = Arc::clone(budget);
        match verdict {
            Verdict::Hopeless => Self::Exhausted(budget),
            Verdict::Suspect => Self::Suspect(budget),
            Verdict::Held | Verdict::Soon => Self::Held(budget),
        }
    }
}

impl From<Unavailable> for Shortage {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}
