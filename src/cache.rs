//! Who the keys belong to, kept in memory so that the request path touches no database: bounded, one
//! look-up at a time per key, unknown keys remembered briefly. [`follow`](Callers::follow) drops
//! what another process changed, within a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::domain::key::SecretHash;
use crate::domain::limits::Limits;
use crate::domain::tenant::ScopeId;
use crate::ledger::Ledger;
use crate::limiters::Limiters;
use crate::store::callers::{CallerRow, find_by_secret};
use crate::store::{Db, StoreError};

mod caller;
mod follow;
mod scope;

pub use caller::Caller;
pub use scope::Scope;

use scope::SharedScopes;

const MOST_KEYS: usize = 100_000;
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Look-ups at once: a flood of unknown keys must not take the store's connections.
const LOOKUPS: usize = 8;
/// How long a call waits for its caller, its place in the queue included.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a key is read again because something changed meanwhile.
const TRIES: usize = 3;
/// The store counts as away no earlier, however strict: it is asked every quarter of this.
const LEAST_GRACE: Duration = Duration::from_secs(1);

/// All callers that are known or known to be unknown.
pub struct Callers {
    db: Db,
    ledger: Arc<Ledger>,
    limiters: Arc<Limiters>,
    entries: Cache<SecretHash, Entry>,
    shared: SharedScopes,
    lookups: Semaphore,
    looked_up: AtomicU64,
    /// Counts changes seen. An entry read before a change is never kept after it.
    generation: RwLock<u64>,
    /// Until when all changes are known.
    followed: Mutex<Instant>,
    is_store_lost: AtomicBool,
    is_open: AtomicBool,
    grace: Duration,
}

#[derive(Clone)]
enum Entry {
    Known(Arc<Caller>),
    Unknown { until: Instant },
}

/// Why a secret has no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// It is nobody's.
    Unknown,
    /// Nobody can tell, because the store is away.
    Unavailable,
}

impl Callers {
    /// An empty cache that knows nobody until it is [opened](Self::open). `grace` is how long it
    /// answers from memory while the store is away.
    pub fn new(db: Db, ledger: Arc<Ledger>, limiters: Arc<Limiters>, grace: Duration) -> Arc<Self> {
        Arc::new(Self {
            db,
            ledger,
            limiters,
            entries: Cache::new(MOST_KEYS),
            shared: SharedScopes::default(),
            lookups: Semaphore::new(LOOKUPS),
            looked_up: AtomicU64::new(0),
            generation: RwLock::new(0),
            followed: Mutex::new(Instant::now()),
            is_store_lost: AtomicBool::new(false),
            is_open: AtomicBool::new(false),
            grace: grace.max(LEAST_GRACE),
        })
    }

    /// Begins to look callers up: the store is migrated, and this process may serve from it.
    pub fn open(&self) {
        self.followed(Instant::now());
        self.is_open.store(true, Ordering::Release);
    }

    /// The caller that `secret` belongs to. Whether it may call now is for the caller to check.
    /// What is seldom needed is boxed, so that the future of every call stays small.
    pub async fn find(&self, secret: &SecretHash) -> Result<Arc<Caller>, LookupError> {
        let entry = match self.entries.get(secret) {
            Some(entry) if !entry.is_stale() => entry,
            Some(_) => {
                self.entries.remove(secret);
                Box::pin(self.load(secret)).await?
            }
            None => Box::pin(self.load(secret)).await?,
        };
        match entry {
            Entry::Unknown { .. } => Err(LookupError::Unknown),
            Entry::Known(_) if self.is_store_lost.load(Ordering::Relaxed) => {
                Err(LookupError::Unavailable)
            }
            Entry::Known(caller) => Ok(caller),
        }
    }

    /// How many keys are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How often the store was asked for a key.
    pub fn looked_up(&self) -> u64 {
        self.looked_up.load(Ordering::Relaxed)
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first to ask reads; who asks meanwhile waits for the same answer, but not for ever.
    async fn load(&self, secret: &SecretHash) -> Result<Entry, LookupError> {
        let loaded = timeout(PATIENCE, self.load_first(secret)).await;
        let loaded = loaded.unwrap_or_else(|late| Err(StoreError::unavailable(&late)));
        loaded.map_err(|error| {
            tracing::error!(%error, "a key could not be looked up");
            LookupError::Unavailable
        })
    }

    async fn load_first(&self, secret: &SecretHash) -> Result<Entry, StoreError> {
        let guard = match self.entries.get_value_or_guard_async(secret).await {
            Ok(entry) => return Ok(entry),
            Err(guard) => guard,
        };
        let mut tries = 0;
        loop {
            let before = *self.generation.read();
            let entry = self.read(secret, before).await?;
            let now = self.generation.read();
            if *now == before {
                // A change that comes now waits for this lock, and finds what to drop.
                let _ = guard.insert(entry.clone());
                self.share(&entry);
                return Ok(entry);
            }
            tries += 1;
            if tries == TRIES {
                // Good enough for this one call, which came before it was read.
                return Ok(entry);
            }
        }
    }

    async fn read(&self, secret: &SecretHash, as_of: u64) -> Result<Entry, StoreError> {
        if !self.is_open.load(Ordering::Acquire) {
            return Err(StoreError::unavailable(&"the store is not open yet"));
        }
        let place = self.lookups.acquire().await;
        let _place = place.map_err(|closed| StoreError::unavailable(&closed))?;
        self.looked_up.fetch_add(1, Ordering::Relaxed);
        let Some(row) = find_by_secret(&self.db, secret).await? else {
            return Ok(Entry::Unknown {
                until: Instant::now() + UNKNOWN_FOR,
            });
        };
        let caller = self.build(row, as_of).await?;
        Ok(Entry::Known(Arc::new(caller)))
    }

    /// Makes a row ready for calls. Of two rows, the one with the greater `as_of` was read later.
    async fn build(&self, row: CallerRow, as_of: u64) -> Result<Caller, StoreError> {
        let read = |id, limits: &Limits, models: Option<&[String]>| {
            Scope::new(id, limits.clone(), models, as_of, &self.limiters)
        };
        let (of, within, key) = (&row.organisation, &row.project, &row.key);
        let organisation = ScopeId::Organisation(of.id);
        let organisation = read(organisation, &of.limits, of.models.as_deref())?;
        let project = ScopeId::Project(within.id);
        let project = read(project, &within.limits, within.models.as_deref())?;
        let key = read(ScopeId::Key(key.id), &key.limits, key.models.as_deref())?;
        let scopes = [
            self.shared.find(organisation),
            self.shared.find(project),
            Arc::new(key),
        ];
        for scope in &scopes {
            scope.cover(&self.ledger, self.ledger.now()).await?;
        }
        let portion = self.limiters.portion(row.organisation.id);
        let refusals = self.ledger.refusals();
        Ok(Caller::new(&row, scopes, portion, refusals))
    }

    /// Lets keys that are read later have the organisation and project of this one.
    fn share(&self, entry: &Entry) {
        if let Entry::Known(caller) = entry {
            let [organisation, project, _] = caller.scopes();
            self.shared.keep(organisation);
            self.shared.keep(project);
        }
    }

    /// Every change up to `at` is known.
    fn followed(&self, at: Instant) {
        *self.followed.lock() = at;
        self.judge_store();
    }

    /// Looks at the clock, which calls need not do.
    fn judge_store(&self) {
        let is_lost = self.followed.lock().elapsed() > self.grace;
        self.is_store_lost.store(is_lost, Ordering::Relaxed);
    }
}

impl Entry {
    fn is_stale(&self) -> bool {
        matches!(self, Self::Unknown { until } if *until <= Instant::now())
    }
}
