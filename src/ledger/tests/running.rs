//! A ledger as it runs in a process.

use tempfile::TempDir;

use super::fragile::Fragile;
use super::intent;
use crate::domain::limits::Limits;
use crate::domain::tenant::{KeyId, ScopeId};
use crate::ledger::journal::{Durability, Options};
use crate::ledger::*;
use crate::store::ledger_check;

/// A running ledger.
pub(super) struct Running {
    pub(super) ledger: Arc<Ledger>,
    pub(super) disk: Arc<Fragile>,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
    _directory: TempDir,
}

impl Running {
    pub(super) async fn start(durability: Durability) -> Self {
        Self::at(Clock::default(), durability).await
    }

    pub(super) async fn at(clock: Clock, durability: Durability) -> Self {
        let (ledger, disk, directory) = opened(clock, durability).await;
        let stop = CancellationToken::new();
        let ended = TaskTracker::new().spawn(Arc::clone(&ledger).run(stop.clone()));
        Self {
            ledger,
            disk,
            stop,
            ended,
            _directory: directory,
        }
    }

    pub(super) async fn cover(&self, limits: Limits) -> Arc<Cover> {
        let scope = ScopeId::Key(KeyId::new());
        self.ledger.cover(scope, &limits, 0).await.unwrap()
    }

    pub(super) async fn hold(&self, need: &Need, cover: &Arc<Cover>) -> Result<Hold, Shortage> {
        let room = self.ledger.reserve(need, &[Arc::clone(cover)]).await?;
        Ok(self.ledger.hold(intent(), need, room))
    }

    pub(super) async fn sent(&self, need: &Need, cover: &Arc<Cover>) -> Hold {
        let mut hold = self.hold(need, cover).await.unwrap();
        hold.dispatch().await.unwrap();
        hold.set_sent(true);
        hold
    }

    /// Ends it, and proves the books.
    pub(super) async fn stop(self) -> Arc<Ledger> {
        self.stop.cancel();
        self.ended.await.unwrap();
        assert_eq!(ledger_check::verify(&self.ledger.db).await.unwrap(), []);
        self.ledger
    }
}

/// A ledger that does not run yet.
pub(super) async fn opened(
    clock: Clock,
    durability: Durability,
) -> (Arc<Ledger>, Arc<Fragile>, TempDir) {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite://{}", directory.path().join("t.db").display());
    let db = Db::connect(&url).await.unwrap();
    db.migrate().await.unwrap();
    let options = Options {
        durability,
        max_bytes: 4 * 1024 * 1024,
    };
    let disk = Arc::new(Fragile::default());
    let journal = Journal::open_on(Arc::clone(&disk) as _, directory.path(), options);
    let (journal, predecessors) = journal.unwrap();
    let ledger = Ledger::new(db, clock, journal);
    ledger.open(predecessors).await.unwrap();
    (ledger, disk, directory)
}
