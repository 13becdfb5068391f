//! A store that is set back while this process runs, as by a standby that lagged behind and took over:
//! what it had taken is booked again, as far as the journal still has it.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::gather::gather;
use super::{FlushError, Flusher, PATIENCE};
use crate::ledger::journal::{Closing, Opening, Replayed};
use crate::ledger::outbox::BATCH;
use crate::ledger::record::event;
use crate::ledger::{Ledger, recover};
use crate::store::StoreError;
use crate::store::events::{Batch, Event};
use crate::store::retention::Pruned;

/// How often it is looked whether the store was set back.
const LOOK_EVERY: Duration = Duration::from_secs(10);

impl Flusher {
    /// Whether the store still has what it took: if no calls come, nothing else tells.
    pub(super) async fn look(&mut self) -> Result<(), FlushError> {
        if self.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        self.looked = Instant::now();
        let looking = timeout(PATIENCE, self.ledger.booker.look()).await;
        match looking.unwrap_or_else(|late| Err(StoreError::unavailable(&late))) {
            Err(StoreError::SetBack) => self.is_set_back = true,
            looked => looked?,
        }
        Ok(())
    }

    /// Books again what the store lacks, if it was seen that it does.
    pub(super) async fn mend(&mut self) -> Result<(), FlushError> {
        if self.is_set_back {
            self.ledger.book_again().await?;
            self.is_set_back = false;
        }
        Ok(())
    }
}

impl Ledger {
    /// Books all that the store ever had of this journal once more. What it still has changes nothing.
    async fn book_again(&self) -> Result<(), FlushError> {
        tracing::warn!(
            "the store was set back: all calls that are still in the journal are booked again"
        );
        self.booker.begin_anew();
        let pruned = Pruned::read(&self.db).await?;
        let mut replay = self.journal.inherited();
        loop {
            let (rest, replayed) = recover::next(replay).await?;
            replay = rest;
            match replayed {
                Replayed::Settled(calls) => self.book_lost(calls, &pruned).await?,
                Replayed::End(_) => break,
            }
        }
        let (mut reader, marked) = self.journal.reader_of_all();
        while !reader.is_at(marked) {
            let batch = gather(BATCH, |at_once| reader.next(at_once)).await?;
            if batch.settled.is_empty() {
                break;
            }
            self.book_lost(batch.settled, &pruned).await?;
        }
        self.look_at_all();
        Ok(())
    }

    async fn book_lost(
        &self,
        mut calls: Vec<(Opening, Closing)>,
        pruned: &Pruned,
    ) -> Result<(), StoreError> {
        calls.retain(|(opening, _)| !pruned.covers(opening.organisation_id, opening.at));
        let events: Vec<Event<'_>> = calls.iter().map(event).collect();
        let booking = timeout(PATIENCE, self.booker.book(Batch::of(&events))).await;
        booking.map_err(|late| StoreError::unavailable(&late))??;
        Ok(())
    }

    /// Leases may hold less than they were known to.
    fn look_at_all(&self) {
        let budgets = self.budgets.lock();
        let leasing = budgets
            .values()
            .filter(|budget| budget.slice().is_leasing());
        self.bank.look(leasing.cloned());
    }
}
