//! Writes settled calls to the store in batches: every 200 ms, or at once when many wait. A batch
//! that the store did not take is kept and tried again; writing one twice changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Ledger;
use crate::store::StoreError;
use crate::store::events::{self, Batch, Event};

const EVERY: Duration = Duration::from_millis(200);
/// Enough waiting calls to write at once; more while they keep coming faster than that, because
/// large batches cost less a call.
const MANY: usize = 500;
const BATCH: usize = 4096;
/// How long a batch may take: a store that hangs counts as away and is asked anew.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a stopping process waits for the store.
const LAST_CHANCE: Duration = Duration::from_secs(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const REFUSALS_EVERY: Duration = Duration::from_secs(1);

/// Calls that wait to be written.
pub(super) struct Settled {
    events: Mutex<Vec<Event<'static>>>,
    /// Those and the ones on their way to the store.
    unwritten: AtomicUsize,
    many: Notify,
    threshold: AtomicUsize,
}

/// Calls on their way to the store. Those that are not written when it is dropped wait again.
struct Leaving<'a> {
    settled: &'a Settled,
    events: Vec<Event<'static>>,
    written: usize,
}

impl Default for Settled {
    fn default() -> Self {
        Self {
            events: Mutex::default(),
            unwritten: AtomicUsize::new(0),
            many: Notify::new(),
            threshold: AtomicUsize::new(MANY),
        }
    }
}

impl Settled {
    pub(super) fn push(&self, event: Event<'static>) {
        let waiting = {
            let mut events = self.events.lock();
            events.push(event);
            self.unwritten.fetch_add(1, Ordering::Relaxed);
            events.len()
        };
        if waiting == self.threshold.load(Ordering::Relaxed) {
            self.many.notify_one();
        }
    }

    /// How many are not written yet.
    pub(super) fn len(&self) -> usize {
        self.unwritten.load(Ordering::Relaxed)
    }

    fn set_threshold(&self, change: impl Fn(usize) -> usize) {
        let changed = change(self.threshold.load(Ordering::Relaxed)).clamp(MANY, BATCH);
        self.threshold.store(changed, Ordering::Relaxed);
    }

    fn take(&self) -> Leaving<'_> {
        Leaving {
            settled: self,
            events: std::mem::take(&mut *self.events.lock()),
            written: 0,
        }
    }
}

impl Leaving<'_> {
    fn next(&self) -> &[Event<'static>] {
        let rest = self.events.get(self.written..).unwrap_or_default();
        rest.get(..BATCH).unwrap_or(rest)
    }

    fn wrote(&mut self, count: usize) {
        self.written += count;
        self.settled.unwritten.fetch_sub(count, Ordering::Relaxed);
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if self.written < self.events.len() {
            let mut waiting = self.settled.events.lock();
            let rest = self.events.drain(self.written..);
            waiting.splice(0..0, rest);
        }
    }
}

impl Ledger {
    /// Writes until `stop`, then what is left, for as long as the store takes it.
    pub async fn write(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = EVERY;
        let mut counted = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => self.settled.set_threshold(|calls| calls / 2),
                () = self.settled.many.notified(), if pause == EVERY => {
                    self.settled.set_threshold(|calls| calls * 2);
                }
                () = stop.cancelled() => return self.write_the_rest().await,
            }
            pause = match self.flush().await {
                Ok(()) => EVERY,
                Err(error) => {
                    tracing::error!(%error, cause = cause(&error), waiting = self.settled.len(), "usage could not be written; it is kept and tried again");
                    (pause * 2).min(LONGEST_PAUSE)
                }
            };
            if pause == EVERY && counted.elapsed() >= REFUSALS_EVERY {
                counted = Instant::now();
                self.flush_refusals().await;
            }
        }
    }

    async fn write_the_rest(&self) {
        let writing = async {
            while let Err(error) = self.flush().await {
                tracing::error!(%error, waiting = self.settled.len(), "usage could not be written yet");
                tokio::time::sleep(EVERY).await;
            }
            self.flush_refusals().await;
        };
        let written = timeout(LAST_CHANCE, writing).await;
        let lost = self.settled.len();
        if written.is_err() && lost > 0 {
            tracing::error!(lost, "the store stayed away: usage is lost");
        }
    }

    /// Writes everything that waits.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut leaving = self.settled.take();
        while !leaving.next().is_empty() {
            let batch = leaving.next();
            let count = batch.len();
            let booking = timeout(PATIENCE, events::book(&self.db, Batch::of(batch))).await;
            booking.map_err(|late| StoreError::unavailable(&late))??;
            leaving.wrote(count);
        }
        drop(leaving);
        self.forget_if_idle();
        Ok(())
    }

    /// The lock keeps new events out while budgets are forgotten.
    fn forget_if_idle(&self) {
        let waiting = self.settled.events.lock();
        if waiting.is_empty() && self.settled.len() == 0 {
            self.forget_unused();
        }
    }

    async fn flush_refusals(&self) {
        let booking = timeout(PATIENCE, self.refusals.flush(&self.db)).await;
        let booked = booking.unwrap_or_else(|late| Err(StoreError::unavailable(&late)));
        if let Err(error) = booked {
            tracing::warn!(%error, cause = cause(&error), "refusals could not be counted");
        }
    }
}

fn cause(error: &StoreError) -> String {
    std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default()
}
