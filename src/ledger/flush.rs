//! Writes settled calls to the store in batches: every 200 ms, or at once when many wait. A batch
//! that the store did not take is kept and tried again; writing one twice changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Ledger;
use crate::store::StoreError;
use crate::store::events::{self, Event};

const EVERY: Duration = Duration::from_millis(200);
/// Enough waiting calls to write at once; more while they keep coming faster than that, because
/// large batches cost less a call.
const MANY: usize = 500;
const BATCH: usize = 4096;
/// How long a stopping process waits for the store.
const LAST_CHANCE: Duration = Duration::from_secs(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Calls that wait to be written.
pub(super) struct Settled {
    events: Mutex<Vec<Event>>,
    many: Notify,
    threshold: AtomicUsize,
}

impl Default for Settled {
    fn default() -> Self {
        Self {
            events: Mutex::default(),
            many: Notify::new(),
            threshold: AtomicUsize::new(MANY),
        }
    }
}

impl Settled {
    pub(super) fn push(&self, event: Event) {
        let waiting = {
            let mut events = self.events.lock();
            events.push(event);
            events.len()
        };
        if waiting == self.threshold.load(Ordering::Relaxed) {
            self.many.notify_one();
        }
    }

    fn set_threshold(&self, change: impl Fn(usize) -> usize) {
        let changed = change(self.threshold.load(Ordering::Relaxed)).clamp(MANY, BATCH);
        self.threshold.store(changed, Ordering::Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        self.events.lock().len()
    }
}

impl Ledger {
    /// Writes until `stop`, then what is left, for as long as the store takes it.
    pub async fn write(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = EVERY;
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
        }
    }

    async fn write_the_rest(&self) {
        let writing = async {
            while let Err(error) = self.flush().await {
                tracing::error!(%error, waiting = self.settled.len(), "usage could not be written yet");
                tokio::time::sleep(EVERY).await;
            }
        };
        if tokio::time::timeout(LAST_CHANCE, writing).await.is_err() {
            tracing::error!(
                lost = self.settled.len(),
                "the store stayed away: usage is lost"
            );
        }
    }

    /// Writes everything that waits.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut events = std::mem::take(&mut *self.settled.events.lock());
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(BATCH));
            if let Err(error) = events::book(&self.db, &events).await {
                events.extend(rest);
                self.put_back(events);
                return Err(error);
            }
            events = rest;
        }
        self.forget_if_idle();
        Ok(())
    }

    fn put_back(&self, mut events: Vec<Event>) {
        let mut waiting = self.settled.events.lock();
        events.append(&mut waiting);
        *waiting = events;
    }

    /// The lock keeps new events out while budgets are forgotten.
    fn forget_if_idle(&self) {
        let waiting = self.settled.events.lock();
        if waiting.is_empty() {
            self.forget_unused();
        }
    }
}

fn cause(error: &StoreError) -> String {
    std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default()
}
