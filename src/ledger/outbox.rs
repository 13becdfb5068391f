//! What is on its way to the store besides the journal: how many calls wait there, room that goes
//! back, and calls whose end could not be written down. Only those few are kept in memory.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use super::budget::Budget;
use super::journal::{Closing, JournalError, Opening, Written};
use super::{Ledger, Unavailable};
use crate::killpoint::{self, Killpoint};
use crate::store::leases::Return;

/// How long an answer waits for its record to be safe.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Enough waiting calls to write at once; more while they keep coming faster than that, because
/// large batches cost less a call.
const MANY: u64 = 500;
/// The most calls that one transaction books: they are in memory meanwhile, a kilobyte each.
pub(super) const BATCH: usize = 2048;

/// Ends when a call's record is safe, or when it is not and will not be soon.
pub type Keeping = Pin<Box<dyn Future<Output = Result<(), Unavailable>> + Send>>;

/// See the module.
pub(super) struct Outbox {
    /// Calls that this process wrote down as ended.
    settled: AtomicU64,
    /// Of those, the ones that the store has.
    booked: AtomicU64,
    threshold: AtomicU64,
    bell: Notify,
    /// Whether somebody waits for what is to be written, however little it is.
    is_urgent: AtomicBool,
    stranded: Mutex<Vec<Stranded>>,
    /// Stranded calls, those on their way to the store included.
    strandings: AtomicU64,
    returns: Mutex<Returns>,
}

/// By lease: what goes back, and from which budget.
pub(super) type Returns = BTreeMap<Uuid, (Return, Arc<Budget>)>;

/// A call whose end could not be written down.
pub(super) struct Stranded {
    pub(super) call: (Opening, Closing),
    pub(super) booked: oneshot::Sender<()>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            settled: AtomicU64::new(0),
            booked: AtomicU64::new(0),
            threshold: AtomicU64::new(MANY),
            bell: Notify::new(),
            is_urgent: AtomicBool::new(false),
            stranded: Mutex::default(),
            strandings: AtomicU64::new(0),
            returns: Mutex::default(),
        }
    }
}

impl Outbox {
    /// A call was written down as ended; before its room is free again.
    pub(super) fn settle(&self) {
        self.settled.fetch_add(1, Ordering::AcqRel);
        if self.is_many() {
            self.bell.notify_one();
        }
    }

    /// Whether so many calls wait that they should be written at once.
    pub(super) fn is_many(&self) -> bool {
        self.waiting() >= self.threshold.load(Ordering::Relaxed)
    }

    /// `count` more calls are in the store.
    pub(super) fn book(&self, count: u64) {
        self.booked.fetch_add(count, Ordering::AcqRel);
    }

    /// How many calls were written down as ended since the start.
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    /// How many of them are not in the store yet.
    pub(super) fn waiting(&self) -> u64 {
        let booked = self.booked.load(Ordering::Acquire);
        self.settled().saturating_sub(booked)
    }

    /// Returns when something should be written at once. Calls that were many when they rang may have
    /// been written since.
    pub(super) async fn rung(&self) {
        loop {
            self.bell.notified().await;
            if self.is_urgent.swap(false, Ordering::AcqRel) || self.is_many() {
                return;
            }
        }
    }

    /// Adapts what counts as many waiting calls.
    pub(super) fn set_threshold(&self, change: impl Fn(u64) -> u64) {
        let changed = change(self.threshold.load(Ordering::Relaxed)).clamp(MANY, BATCH as u64);
        self.threshold.store(changed, Ordering::Relaxed);
    }

    /// Room of `budget`, already out of memory, goes back with the next batch.
    pub(super) fn give_back(&self, budget: &Arc<Budget>, back: Option<Return>) {
        let Some(back) = back else { return };
        let entry = (back, Arc::clone(budget));
        // Totals only grow, but two threads may get here in either order.
        let mut returns = self.returns.lock();
        let kept = returns.entry(back.lease).or_insert(entry);
        kept.0.total = kept.0.total.max(back.total);
    }

    /// The same at once, because others wait for it.
    pub(super) fn hurry(&self) {
        self.is_urgent.store(true, Ordering::Release);
        self.bell.notify_one();
    }

    pub(super) fn take_returns(&self) -> Returns {
        std::mem::take(&mut self.returns.lock())
    }

    pub(super) fn take_stranded(&self) -> Vec<Stranded> {
        std::mem::take(&mut self.stranded.lock())
    }

    /// `count` stranded calls are in the store.
    pub(super) fn unstrand(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.strandings.fetch_sub(count, Ordering::AcqRel);
    }

    /// Whether there are calls that only memory knows.
    pub(super) fn is_stranding(&self) -> bool {
        self.strandings.load(Ordering::Acquire) > 0
    }

    fn strand(&self, opening: Opening, closing: Closing) -> oneshot::Receiver<()> {
        let (booked, is_booked) = oneshot::channel();
        let call = (opening, closing);
        self.strandings.fetch_add(1, Ordering::AcqRel);
        self.stranded.lock().push(Stranded { call, booked });
        self.hurry();
        is_booked
    }
}

impl Ledger {
    /// Writes down that a call is about to be sent.
    pub(super) fn intend(&self, opening: &Opening) -> Result<Written, Unavailable> {
        if !self.is_admitting() {
            return Err(Unavailable);
        }
        let written = self.journal.intend(opening);
        written.map_err(|error| Unavailable::of(&error))
    }

    /// Writes down how a call ended. Answers what has to be waited for until that is safe.
    pub(super) fn record(self: &Arc<Self>, opening: Opening, closing: &Closing) -> Option<Keeping> {
        match self.journal.settle(&opening, closing) {
            Ok(written) => {
                self.outbox.settle();
                killpoint::reach(Killpoint::Settled);
                self.on_disk(written)
            }
            Err(error) => Some(self.by_store(opening, closing.clone(), &error)),
        }
    }

    /// Until the disk has it, or else the store; nothing where neither is asked for.
    fn on_disk(self: &Arc<Self>, written: Written) -> Option<Keeping> {
        let synced = self.journal.synced(written)?;
        let ledger = Arc::clone(self);
        Some(Box::pin(async move {
            if synced.await.is_ok() {
                return Ok(());
            }
            let booked = async {
                while !ledger.journal.is_booked(written) {
                    ledger.outbox.hurry();
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            timeout(PATIENCE, booked).await.map_err(|_| Unavailable)
        }))
    }

    /// Until the store has what the journal did not take.
    fn by_store(&self, opening: Opening, closing: Closing, error: &JournalError) -> Keeping {
        tracing::error!(%error, "the end of a call cannot be written down; no more calls are admitted until it is in the store");
        let booked = self.outbox.strand(opening, closing);
        Box::pin(async move {
            let booked = timeout(PATIENCE, booked).await;
            booked.map_err(|_| Unavailable)?.map_err(|_| Unavailable)
        })
    }
}
