//! One transaction of the flush: the calls that it books and the room that it gives back.

use std::collections::HashMap;

use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use super::{PATIENCE, count};
use crate::killpoint::{self, Killpoint};
use crate::ledger::Ledger;
use crate::ledger::journal::{Closing, Opening, Position};
use crate::ledger::outbox::Returns;
use crate::ledger::record::event;
use crate::store::StoreError;
use crate::store::events::{self, Event};

/// See the module.
#[derive(Default)]
pub(super) struct Leaving {
    pub(super) calls: Vec<(Opening, Closing)>,
    /// Whoever waits for the first of `calls`, which no journal has.
    pub(super) stranded: Vec<oneshot::Sender<()>>,
    pub(super) returns: Returns,
    pub(super) end: Option<Position>,
    /// What `calls` were charged, by budget and lease.
    charged: HashMap<(Uuid, Uuid), i64>,
}

impl Ledger {
    /// What `leaving` charges may be in the store from now on.
    pub(super) fn depart(&self, leaving: &mut Leaving) {
        for (opening, closing) in &leaving.calls {
            for drawn in &opening.draws {
                let lease = drawn.lease.unwrap_or_default();
                let sum = leaving.charged.entry((drawn.budget, lease)).or_default();
                *sum = sum.saturating_add(closing.charged(drawn.unit));
            }
        }
        let budgets = self.budgets.lock();
        for ((row, lease), charged) in &leaving.charged {
            if let Some(budget) = budgets.get(row) {
                budget.slice().booking(*lease, *charged);
            }
        }
    }

    pub(super) async fn book(&self, leaving: &Leaving) -> Result<(), StoreError> {
        killpoint::reach(Killpoint::Synced);
        let events: Vec<Event<'_>> = leaving.calls.iter().map(event).collect();
        let returns: Vec<_> = leaving.returns.values().map(|(back, _)| *back).collect();
        let held = self.held(leaving.charged.keys().map(|(row, _)| row));
        let batch = events::Batch {
            events: &events,
            returns: &returns,
            held: &held,
        };
        let booking = timeout(PATIENCE, self.booker.book(batch)).await;
        booking.map_err(|late| StoreError::unavailable(&late))??;
        killpoint::reach(Killpoint::Booked);
        Ok(())
    }

    /// What running calls hold of the leases of `rows`.
    fn held<'a>(&self, rows: impl Iterator<Item = &'a Uuid>) -> Vec<(Uuid, i64)> {
        let budgets = self.budgets.lock();
        let held = rows.filter_map(|row| {
            let slice = budgets.get(row)?.slice();
            Some((slice.lease(), slice.held()))
        });
        held.collect()
    }

    /// The store has all of `leaving`.
    pub(super) fn booked(&self, leaving: Leaving) {
        {
            let budgets = self.budgets.lock();
            for ((row, lease), charged) in &leaving.charged {
                if let Some(budget) = budgets.get(row) {
                    budget.slice().booked(*lease, *charged);
                }
            }
        }
        for (back, budget) in leaving.returns.values() {
            budget.slice().taken_back(back);
        }
        let calls = leaving.calls.iter();
        self.uses
            .record(calls.map(|(opening, _)| (opening.key_id, opening.at)));
        let stranded = leaving.stranded.len();
        for (opening, _) in leaving.calls.iter().take(stranded) {
            self.journal.forget(opening.id);
        }
        self.outbox.unstrand(stranded);
        self.outbox.book(count(leaving.calls.len() - stranded));
        if let Some(end) = leaving.end {
            self.journal.mark(end);
        }
        for booked in leaving.stranded {
            // Whoever waited may have left.
            let _ = booked.send(());
        }
    }
}

impl Leaving {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.returns.is_empty()
    }
}
