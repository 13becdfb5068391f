//! What earlier processes left in their journals is booked before any call is admitted: calls that
//! ended, and those that nobody settled, as interrupted. Then their leases close, and what was left
//! of them is free again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Ledger;
use super::journal::{Closing, Opening, Predecessor, Remains, Replay, Replayed, Which};
use super::record::event;
use crate::killpoint::{self, Killpoint};
use crate::store::events::{self, Batch, Event};
use crate::store::retention::Pruned;
use crate::store::{Db, StoreError, leases};

const BATCH: usize = 4096;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether a neighbour died.
const ADOPT_EVERY: Duration = Duration::from_secs(10);

/// Why calls cannot be admitted.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The store refuses what is to be booked, or this process.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A later life of this journal is known, so this is a copy of it.
    #[error(
        "the data directory of {} is older than the database, which knows a later start of it: it was copied, or restored from a copy; two gateways need a directory each, and of a restored one move `journal` away (what it has was booked by whoever came after it)",
        .0.display()
    )]
    Outdated(PathBuf),
    /// A journal cannot be read.
    #[error("a journal cannot be read: {0}")]
    Journal(#[from] std::io::Error),
}

impl Ledger {
    /// Enters this process and books what `predecessors` left, however long the store is away.
    pub async fn open(&self, predecessors: Vec<Predecessor>) -> Result<(), RecoverError> {
        let register = || leases::register(&self.db, &self.holder, self.clock.now());
        match patiently(register).await {
            Err(StoreError::Fenced) => {
                let directory = self.journal.directory().to_owned();
                return Err(RecoverError::Outdated(directory));
            }
            registered => registered?,
        }
        for predecessor in predecessors {
            self.succeed(predecessor).await?;
        }
        Ok(())
    }

    /// Until `stop`, does the same for processes that shared this one's data directory and died.
    pub(super) async fn adopt(&self, stop: &CancellationToken) {
        let adopting = async {
            loop {
                tokio::time::sleep(ADOPT_EVERY).await;
                let journal = Arc::clone(&self.journal);
                let orphans = tokio::task::spawn_blocking(move || journal.orphans()).await;
                for orphan in orphans.unwrap_or_default() {
                    if let Err(error) = self.succeed(orphan).await {
                        tracing::error!(%error, "what a process left behind could not be booked");
                    }
                }
            }
        };
        stop.run_until_cancelled(adopting).await;
    }

    async fn succeed(&self, predecessor: Predecessor) -> Result<(), RecoverError> {
        let (instance, epoch) = (predecessor.instance(), predecessor.before_epoch());
        let (mut remains, mut count) = self.replay(&predecessor, Which::Unmarked).await?;
        if self.was_set_back(&remains).await? {
            tracing::warn!(%instance, "the store was set back: all calls that are still in the journal are booked again");
            (remains, count) = self.replay(&predecessor, Which::All).await?;
        }
        let open = remains.open.iter().map(interrupted).collect::<Vec<_>>();
        for calls in open.chunks(BATCH) {
            self.catch_up(calls).await?;
        }
        if count > 0 || !open.is_empty() {
            tracing::info!(%instance, calls = count, interrupted = open.len(), "booked what an earlier process left");
        }
        let is_whole = remains.withheld == 0 && remains.quarantined.is_empty();
        if !is_whole {
            tracing::error!(%instance, withheld = remains.withheld, quarantined = ?remains.quarantined, "a journal is damaged: calls may be missing from the books");
        }
        // What damaged records spent is charged when the lease runs out, where leases do.
        if is_whole || matches!(self.db, Db::Sqlite(_)) {
            let close = || leases::close_predecessors(&self.db, instance, epoch, self.clock.now());
            patiently(close).await?;
        }
        tokio::task::spawn_blocking(move || predecessor.retire(&remains))
            .await
            .map_err(std::io::Error::other)??;
        Ok(())
    }

    /// Books what was settled; answers what was not, and how many calls there were.
    async fn replay(
        &self,
        predecessor: &Predecessor,
        which: Which,
    ) -> Result<(Remains, usize), RecoverError> {
        let pruned = match which {
            // What had to be booked before that is booked: the rest was, when it was marked.
            Which::All => patiently(|| Pruned::read(&self.db)).await?,
            Which::Unmarked => Pruned::default(),
        };
        let is_pruned = |call: &Opening| pruned.covers(call.organisation_id, call.at);
        let mut replay = predecessor.replay(which);
        let mut count = 0;
        loop {
            let (rest, replayed) = next(replay).await?;
            replay = rest;
            match replayed {
                Replayed::Settled(mut calls) => {
                    calls.retain(|(opening, _)| !is_pruned(opening));
                    self.catch_up(&calls).await?;
                    count += calls.len();
                    killpoint::reach(Killpoint::Replaying);
                }
                Replayed::End(remains) => return Ok((remains, count)),
            }
        }
    }

    /// Whether the store lost a call that it had. One that it let go on its own is not lost.
    async fn was_set_back(&self, remains: &Remains) -> Result<bool, StoreError> {
        let Some(newest) = &remains.newest_booked else {
            return Ok(false);
        };
        let (organisation, at, id) = (newest.organisation_id, newest.at, newest.id);
        let was_booked = || events::was_booked(&self.db, organisation, at, id);
        let was_booked = patiently(was_booked).await?;
        if was_booked {
            self.booker.begin_with(organisation, at, id);
        }
        Ok(!was_booked)
    }

    async fn catch_up(&self, calls: &[(Opening, Closing)]) -> Result<(), StoreError> {
        let events: Vec<Event<'_>> = calls.iter().map(event).collect();
        patiently(|| self.booker.book(Batch::of(&events))).await?;
        Ok(())
    }
}

/// Reading blocks.
pub(super) async fn next(mut replay: Replay) -> std::io::Result<(Replay, Replayed)> {
    let reading = move || {
        let replayed = replay.next(BATCH)?;
        Ok((replay, replayed))
    };
    let read = tokio::task::spawn_blocking(reading).await;
    read.map_err(std::io::Error::other)?
}

fn interrupted((opening, delivered): &(Opening, i64)) -> (Opening, Closing) {
    let closing = Closing::interrupted(opening, *delivered);
    (opening.clone(), closing)
}

/// Tries again while the store is away.
async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt().await {
            Err(error @ StoreError::Unavailable { .. }) => {
                tracing::warn!(%error, cause = error.cause(), "waiting for the store");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            result => return result,
        }
    }
}
