//! Why a call finds no room, by what the store said last: room is refused for good only if nothing
//! that anyone gives back could make enough of it.

use std::time::{Duration, Instant};

use super::Slice;
use crate::domain::quota::{Need, Standing};

/// Why a call finds no room, after the store was asked; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::ledger) enum Verdict {
    /// Nothing that is given back can make room for it.
    Hopeless,
    /// Calls that are running hold it.
    Held,
    /// Processes that are gone hold it.
    Suspect,
    /// Others have room that they may give back at once, or the store is about to know more.
    Soon,
}

impl Slice {
    /// Why `need` finds no room, as the store was last seen.
    pub(in crate::ledger) fn verdict(&self, need: &Need) -> Verdict {
        let Some(amount) = self.amount else {
            return Verdict::Soon;
        };
        let most = self.used();
        if need.is_hopeless(self.unit, amount, self.least_used()) {
            return Verdict::Hopeless;
        }
        let is_returning = self.lease.returning() > 0;
        let is_unsure = is_returning || need.is_hopeless(self.unit, amount, most);
        if is_unsure || self.others() > 0 {
            Verdict::Soon
        } else if self.seen.suspect > 0 && self.open == 0 {
            Verdict::Suspect
        } else {
            Verdict::Held
        }
    }

    /// The output cap that `need` would get here if all that is held came back unused.
    pub(in crate::ledger) fn idle_cap(&self, need: &Need) -> i64 {
        let Some(amount) = self.amount else {
            return need.cap;
        };
        need.cap_within(&Standing {
            unit: self.unit,
            amount,
            left: amount.saturating_sub(self.least_used()).max(0),
            open: 0,
        })
    }

    /// What is used for sure: what is on its way may be in what was read already.
    fn least_used(&self) -> i64 {
        self.used().saturating_sub(self.seen.doubt)
    }

    /// What other processes that are alive may have, held or idle.
    fn others(&self) -> i64 {
        let own = self.lease.balance.remaining;
        let others = self.seen.leased.saturating_sub(own);
        others.saturating_sub(self.seen.suspect)
    }

    /// Whether others should be asked for their idle room, `often` at most; then they count as asked.
    pub(in crate::ledger) fn is_recall_due(&mut self, often: Duration) -> bool {
        let is_due = self.recalled.is_none_or(|at| at.elapsed() >= often) && self.others() > 0;
        if is_due {
            self.recalled = Some(Instant::now());
        }
        is_due
    }
}
