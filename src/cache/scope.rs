//! What limits the calls of one organisation, project or key. Keys of one organisation and project
//! share these two: a process knows many keys, and few of the others.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::domain::limits::Limits;
use crate::domain::model_access::ModelAccess;
use crate::domain::tenant::ScopeId;
use crate::domain::time::Timestamp;
use crate::ledger::{Cover, Ledger};
use crate::limiters::{Gates, Limiters};
use crate::store::StoreError;

/// How long a call waits for the budgets of a new period.
const PATIENCE: Duration = Duration::from_secs(2);

/// What limits a call at one level.
pub struct Scope {
    /// Which organisation, project or key.
    pub id: ScopeId,
    /// Its rate limits.
    pub gates: Gates,
    limits: Limits,
    models: ModelAccess,
    /// Which reading of the store the limits are from.
    as_of: u64,
    cover: ArcSwap<Cover>,
    opening: tokio::sync::Mutex<()>,
}

/// Organisations and projects that known keys share, as nobody has edited them since they were read.
#[derive(Default)]
pub(super) struct SharedScopes(Mutex<HashMap<ScopeId, Weak<Scope>>>);

impl Scope {
    /// One as the store has it. Its budgets are read when they are first asked for.
    pub(super) fn new(
        id: ScopeId,
        limits: Limits,
        models: Option<&[String]>,
        as_of: u64,
        limiters: &Limiters,
    ) -> Result<Self, StoreError> {
        let models = ModelAccess::compile(models);
        Ok(Self {
            id,
            gates: limiters.gates(id, &limits),
            limits,
            models: models.map_err(|error| StoreError::corrupt(&error))?,
            as_of,
            cover: ArcSwap::new(Cover::unread()),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// Whether it allows `model`.
    pub(super) fn allows(&self, model: &str) -> bool {
        self.models.allows(model)
    }

    /// The budgets that cover its calls, as last seen.
    pub(super) fn last_cover(&self) -> Arc<Cover> {
        self.cover.load_full()
    }

    /// The budgets that cover its calls, opened anew when a period has ended.
    pub async fn cover(&self, ledger: &Ledger, now: Timestamp) -> Result<Arc<Cover>, StoreError> {
        let cover = self.cover.load_full();
        if !cover.is_over(now) {
            return Ok(cover);
        }
        let opening = tokio::time::timeout(PATIENCE, Box::pin(self.open(ledger, now))).await;
        opening.map_err(|late| StoreError::unavailable(&late))?
    }

    /// The first call of a period opens its budgets; others wait for that.
    async fn open(&self, ledger: &Ledger, now: Timestamp) -> Result<Arc<Cover>, StoreError> {
        let _turn = self.opening.lock().await;
        let cover = self.cover.load_full();
        if !cover.is_over(now) {
            return Ok(cover);
        }
        let cover = ledger.cover(self.id, &self.limits, self.as_of).await?;
        self.cover.store(Arc::clone(&cover));
        Ok(cover)
    }

    fn is_like(&self, other: &Self) -> bool {
        (&self.limits, &self.models) == (&other.limits, &other.models)
    }
}

impl SharedScopes {
    /// The scope that is kept if it is like the one just `read`, or else that.
    pub(super) fn find(&self, read: Scope) -> Arc<Scope> {
        let kept = self.0.lock().get(&read.id).and_then(Weak::upgrade);
        let kept = kept.filter(|kept| kept.is_like(&read));
        kept.unwrap_or_else(|| Arc::new(read))
    }

    /// Keeps `scope`, which nobody has edited since it was read, for as long as a key has it.
    pub(super) fn keep(&self, scope: &Arc<Scope>) {
        let mut shared = self.0.lock();
        let kept = shared.entry(scope.id).or_default();
        if kept.strong_count() == 0 {
            *kept = Arc::downgrade(scope);
        }
    }

    /// Keys that are read from now on share none of `edited`.
    pub(super) fn forget(&self, edited: &HashSet<Uuid>) {
        self.0.lock().retain(|id, _| !edited.contains(&id.uuid()));
    }

    /// The same of all.
    pub(super) fn forget_all(&self) {
        self.0.lock().clear();
    }

    /// Forgets those that no key has.
    pub(super) fn prune(&self) {
        self.0.lock().retain(|_, scope| scope.strong_count() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tenant::ProjectId;

    fn scope(id: ScopeId, requests_per_minute: u32) -> Scope {
        let limits = Limits {
            requests_per_minute: Some(requests_per_minute),
            ..Limits::default()
        };
        Scope::new(id, limits, None, 0, &Limiters::default()).unwrap()
    }

    #[test]
    fn keys_share_what_nobody_edited() {
        let (shared, id) = (SharedScopes::default(), ScopeId::Project(ProjectId::new()));
        let first = shared.find(scope(id, 1));
        assert!(!Arc::ptr_eq(&first, &shared.find(scope(id, 1))), "not kept");
        shared.keep(&first);
        assert!(Arc::ptr_eq(&first, &shared.find(scope(id, 1))));
        assert!(!Arc::ptr_eq(&first, &shared.find(scope(id, 2))));
        shared.forget(&HashSet::from([id.uuid()]));
        assert!(!Arc::ptr_eq(&first, &shared.find(scope(id, 1))));
    }

    #[test]
    fn what_no_key_has_is_forgotten() {
        let (shared, id) = (SharedScopes::default(), ScopeId::Project(ProjectId::new()));
        shared.keep(&shared.find(scope(id, 1)));
        shared.prune();
        assert!(shared.0.lock().is_empty());
    }
}
