//! The ledger: what every call may use and what it did use. A call draws a [`Hold`] from every budget
//! that covers it, or from none; is written down before it is sent; and settles exactly once,
//! whatever happens. Budgets are leased from the store in slices, so that calls draw from memory
//! however many processes share a limit; settled calls go to the store in batches.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::domain::quota::{Need, Unit};
use crate::domain::time::{Clock, Timestamp};
use crate::store::events::Booker;
use crate::store::leases::Holder;
use crate::store::{Db, StoreError, leases};

mod bank;
mod budget;
mod cover;
mod flush;
mod hold;
pub mod journal;
mod keeper;
mod outbox;
mod record;
mod recover;
mod refusals;
mod reserve;
mod slice;
#[cfg(test)]
mod tests;
mod uses;

pub use budget::Budget;
pub use cover::Cover;
pub use hold::{Hold, Intent, Report, Settled};
pub use outbox::Keeping;
pub use recover::RecoverError;
pub use refusals::Refusals;
pub use reserve::{Room, Shortage};

use bank::Bank;
use flush::Flusher;
use journal::{Backlog, Journal, JournalError};
use outbox::Outbox;
use uses::Uses;

/// `SQLite` has one process, which the lock of its file keeps alone: its leases never expire.
const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 100);

/// See the module.
pub struct Ledger {
    db: Db,
    clock: Clock,
    journal: Arc<Journal>,
    holder: Holder,
    /// How long a lease may be held from after it was asked for.
    lasts: Duration,
    budgets: Mutex<HashMap<Uuid, Arc<Budget>>>,
    bank: Bank,
    outbox: Outbox,
    booker: Booker,
    refusals: Arc<Refusals>,
    uses: Uses,
    /// Up to which edit limits are known.
    edits: AtomicU64,
    is_fenced: AtomicBool,
    fenced: CancellationToken,
}

/// What this process has of budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lent {
    /// Budgets of which it leased a slice.
    pub leases: usize,
    /// What calls hold, once for each budget of a call.
    pub holds: i64,
}

/// How far calls that ended came on their way to the store, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Calls that were written down as ended.
    pub settled: u64,
    /// Of those, the ones that the store has.
    pub booked: u64,
}

/// Nothing can be reserved or recorded at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("usage cannot be recorded")]
pub struct Unavailable;

impl Ledger {
    /// A ledger that writes to `db` by way of `journal`.
    pub fn new(db: Db, clock: Clock, journal: Arc<Journal>) -> Arc<Self> {
        let (instance, epoch) = journal.holder();
        let lasts = match db {
            Db::Postgres(_) => slice::HOLDS_FOR,
            Db::Sqlite(_) => FOR_EVER,
        };
        Arc::new(Self {
            booker: Booker::new(db.clone()),
            db,
            clock,
            journal,
            holder: Holder { instance, epoch },
            lasts,
            budgets: Mutex::default(),
            bank: Bank::default(),
            outbox: Outbox::default(),
            refusals: Arc::default(),
            uses: Uses::default(),
            edits: AtomicU64::new(0),
            is_fenced: AtomicBool::new(false),
            fenced: CancellationToken::new(),
        })
    }

    /// Lends and books until `stop`, then books what is left and gives all room back.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let (lent, booked) = (CancellationToken::new(), CancellationToken::new());
        let beside = TaskTracker::new();
        beside.spawn(Arc::clone(&self.journal).run(booked.clone()));
        let flusher = beside.spawn(Flusher::new(&self).run(lent.clone()));
        tokio::join!(self.lend(&stop), self.keep(&stop), self.adopt(&stop));
        lent.cancel();
        match flusher.await {
            Ok(true) => self.leave().await,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the ledger broke"),
        }
        booked.cancel();
        beside.close();
        beside.wait().await;
    }

    /// Everything is booked and given back: nothing of this process is left.
    async fn leave(&self) {
        let closing = leases::close_own(&self.db, &self.holder, self.clock.now());
        let closed = tokio::time::timeout(Duration::from_secs(5), closing).await;
        if let Err(error) = closed.unwrap_or_else(|late| Err(StoreError::unavailable(&late))) {
            tracing::warn!(%error, cause = error.cause(), "leases could not be closed; the next start closes them");
        }
    }

    /// Room that was reserved for the call of `intent`, which needs `need`.
    pub fn hold(self: &Arc<Self>, intent: Intent, need: &Need, room: Room) -> Hold {
        Hold::new(self, intent, need, room)
    }

    /// What is left of the tightest token budget of `covers`, if one limits tokens.
    pub fn least_left(covers: impl Iterator<Item = Arc<Cover>>) -> Option<i64> {
        let least = |cover: Arc<Cover>| {
            let standings = cover.standings();
            let tokens = standings.filter(|standing| standing.unit == Unit::Tokens);
            tokens.map(|standing| standing.left).min()
        };
        covers.filter_map(least).min()
    }

    /// The time by which budgets start anew.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where calls that draw from no budget are counted.
    pub fn refusals(&self) -> Arc<Refusals> {
        Arc::clone(&self.refusals)
    }

    /// Limits of `scopes` were edited, and `as_of` counts the edits seen: their budgets are read
    /// anew, whether calls come or not.
    pub fn edited(&self, scopes: &HashSet<Uuid>, as_of: u64) {
        self.edits.fetch_max(as_of, Ordering::AcqRel);
        let budgets = self.budgets.lock();
        let edited = budgets.values().filter(|budget| {
            let is_edited = scopes.contains(&budget.key.scope.uuid());
            is_edited && budget.slice().is_leasing()
        });
        self.bank.look(edited.cloned());
    }

    fn edits(&self) -> u64 {
        self.edits.load(Ordering::Acquire)
    }

    /// Whether calls can be recorded; why not.
    pub fn health(&self) -> Result<(), JournalError> {
        self.journal.health()
    }

    /// What waits to be booked.
    pub fn backlog(&self) -> Backlog {
        self.journal.backlog()
    }

    /// What is leased and held at present.
    pub fn lent(&self) -> Lent {
        let budgets = self.budgets.lock();
        budgets.values().fold(Lent::default(), |lent, budget| {
            let slice = budget.slice();
            Lent {
                leases: lent.leases + usize::from(slice.is_leasing()),
                holds: lent.holds.saturating_add(slice.open()),
            }
        })
    }

    /// How many calls ended, and how many of them are booked.
    pub fn progress(&self) -> Progress {
        let settled = self.outbox.settled();
        Progress {
            settled,
            booked: settled.saturating_sub(self.outbox.waiting()),
        }
    }

    /// Whether new calls may draw: every end is written down, and this process is the latest of its
    /// journal.
    fn is_admitting(&self) -> bool {
        !self.outbox.is_stranding() && !self.is_fenced.load(Ordering::Acquire)
    }

    /// A later process has this one's journal: it gets no room any more.
    fn fence(&self) {
        if !self.is_fenced.swap(true, Ordering::AcqRel) {
            tracing::error!("another process took over this one's journal: it must stop");
            self.fenced.cancel();
        }
    }

    /// Returns when another process took over this one's journal, so that it must stop.
    pub async fn fenced(&self) {
        self.fenced.cancelled().await;
    }
}

impl Unavailable {
    /// For `map_err`. That this goes on is said once, by whoever watches the journal's health.
    fn of(error: &JournalError) -> Self {
        tracing::debug!(%error, "a call cannot be written down");
        Self
    }
}
