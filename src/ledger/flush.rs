//! Writes settled calls to the store in batches, read back from the journal: every 200 ms, or at once
//! when many wait. A batch that the store did not take is kept and tried again; writing one twice
//! changes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Ledger;
use super::journal::Reader;
use super::outbox::{BATCH, Returns};
use crate::store::StoreError;

mod again;
mod gather;
mod leaving;

use gather::gather;
use leaving::Leaving;

const EVERY: Duration = Duration::from_millis(200);
/// How long a batch may take: a store that hangs counts as away and is asked anew.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a stopping process waits for the store.
const LAST_CHANCE: Duration = Duration::from_secs(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const STATISTICS_EVERY: Duration = Duration::from_secs(1);

/// Brings one journal to the store.
pub(super) struct Flusher {
    ledger: Arc<Ledger>,
    reader: Reader,
    /// Settled calls read so far.
    read: u64,
    returns: Returns,
    /// How many calls have to be read before `returns` may go.
    after: u64,
    /// What the store has not taken yet.
    leaving: Option<Leaving>,
    /// Whether the store may lack what it had taken.
    is_set_back: bool,
    looked: Instant,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum FlushError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the journal cannot be read back: {0}")]
    Journal(#[from] std::io::Error),
}

impl Flusher {
    pub(super) fn new(ledger: &Arc<Ledger>) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            reader: ledger.journal.reader(),
            read: 0,
            returns: Returns::new(),
            after: 0,
            leaving: None,
            is_set_back: false,
            looked: Instant::now(),
        }
    }

    /// Writes until `stop`, then what is left, for as long as the store takes it. Answers whether
    /// everything is written.
    pub(super) async fn run(mut self, stop: CancellationToken) -> bool {
        let ledger = Arc::clone(&self.ledger);
        let mut pause = EVERY;
        let mut counted = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => ledger.outbox.set_threshold(|calls| calls / 2),
                () = ledger.outbox.rung(), if pause == EVERY => {
                    if ledger.outbox.is_many() {
                        ledger.outbox.set_threshold(|calls| calls * 2);
                    }
                }
                () = stop.cancelled() => return self.finish().await,
            }
            pause = match self.flush().await {
                Ok(()) => EVERY,
                Err(error) => {
                    tracing::error!(%error, cause = error.cause(), waiting = ledger.outbox.waiting(), "usage could not be written; it is kept and tried again");
                    (pause * 2).min(LONGEST_PAUSE)
                }
            };
            if pause == EVERY && counted.elapsed() >= STATISTICS_EVERY {
                counted = Instant::now();
                ledger.flush_statistics(false).await;
            }
        }
    }

    async fn finish(&mut self) -> bool {
        let ledger = Arc::clone(&self.ledger);
        ledger.empty_all();
        let last = async {
            while let Err(error) = self.write_all().await {
                tracing::error!(%error, waiting = ledger.outbox.waiting(), "usage could not be written yet");
                tokio::time::sleep(EVERY).await;
            }
            ledger.flush_statistics(true).await;
        };
        let written = timeout(LAST_CHANCE, last).await;
        let waiting = ledger.outbox.waiting();
        if written.is_err() && waiting > 0 {
            tracing::error!(
                waiting,
                "the store stayed away: the journal keeps the usage for the next start"
            );
        }
        written.is_ok()
    }

    /// Writes what waits now. What comes meanwhile gathers for the next time: written at once, it would
    /// be a handful of calls a transaction, and one transaction after the other.
    pub(super) async fn flush(&mut self) -> Result<(), FlushError> {
        let waiting = self.ledger.outbox.settled();
        self.look().await?;
        while self.write_next().await? {
            if self.read >= waiting && self.returns.is_empty() {
                break;
            }
        }
        Ok(())
    }

    async fn write_all(&mut self) -> Result<(), FlushError> {
        while self.write_next().await? {}
        Ok(())
    }

    /// Writes one batch; false if nothing waits.
    async fn write_next(&mut self) -> Result<bool, FlushError> {
        self.mend().await?;
        if self.leaving.is_none() {
            self.leaving = self.next().await?;
        }
        let Some(leaving) = &self.leaving else {
            return Ok(false);
        };
        let booked = self.ledger.book(leaving).await;
        self.is_set_back |= matches!(booked, Err(StoreError::SetBack));
        booked?;
        self.ledger.booked(self.leaving.take().unwrap_or_default());
        Ok(true)
    }

    /// What goes next, if anything does. Room never goes back ahead of the calls that spent from the same lease: those
    /// were written down before it was taken out of memory.
    async fn next(&mut self) -> Result<Option<Leaving>, FlushError> {
        let ledger = Arc::clone(&self.ledger);
        let outbox = &ledger.outbox;
        if self.returns.is_empty() {
            self.returns = outbox.take_returns();
            self.after = outbox.settled();
        }
        let batch = gather(BATCH, |at_once| self.reader.next(at_once)).await?;
        self.read = self.read.saturating_add(count(batch.settled.len()));
        let mut leaving = Leaving::default();
        for stranded in outbox.take_stranded() {
            leaving.calls.push(stranded.call);
            leaving.stranded.push(stranded.booked);
        }
        if !batch.settled.is_empty() {
            leaving.end = Some(batch.end);
        }
        if batch.settled.is_empty() || self.read >= self.after {
            leaving.returns = std::mem::take(&mut self.returns);
        }
        // Stranded ones go first; the many stay where they were read to.
        let stranded = std::mem::replace(&mut leaving.calls, batch.settled);
        drop(leaving.calls.splice(..0, stranded));
        self.ledger.depart(&mut leaving);
        Ok(Some(leaving).filter(|leaving| !leaving.is_empty()))
    }
}

impl Ledger {
    /// What owners of keys look at, and nobody is charged by.
    async fn flush_statistics(&self, is_last: bool) {
        let now = self.clock.now();
        let writing = timeout(PATIENCE, self.uses.flush(&self.db, now, is_last)).await;
        let written = writing.unwrap_or_else(|late| Err(StoreError::unavailable(&late)));
        if let Err(error) = written {
            tracing::warn!(%error, cause = error.cause(), "the last uses of keys could not be written");
        }
        let booking = timeout(PATIENCE, self.refusals.flush(&self.db)).await;
        let booked = booking.unwrap_or_else(|late| Err(StoreError::unavailable(&late)));
        if let Err(error) = booked {
            tracing::warn!(%error, cause = error.cause(), "refusals could not be counted");
        }
    }
}

impl FlushError {
    fn cause(&self) -> String {
        match self {
            Self::Store(error) => error.cause(),
            Self::Journal(_) => String::new(),
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
