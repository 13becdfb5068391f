//! A key with everything that a call through it needs to know, as it was read together.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::domain::key::SecretHash;
use crate::domain::limits::Limits;
use crate::domain::model_access::ModelAccess;
use crate::domain::refused::Refused;
use crate::domain::tenant::{
    CallId, KeyId, KeyStatus, OrganisationId, OrganisationStatus, ProjectId, ScopeId,
};
use crate::domain::time::Timestamp;
use crate::gateway::{Gates, Limiters, Refusal};
use crate::ledger::{Cover, Ledger, Refusals};
use crate::store::StoreError;
use crate::store::callers::CallerRow;

/// How long a call waits for the budgets of a new period.
const PATIENCE: Duration = Duration::from_secs(2);

/// The owner of a secret.
pub struct Caller {
    /// Its tenant.
    pub organisation_id: OrganisationId,
    /// Its project.
    pub project_id: ProjectId,
    /// Itself.
    pub key_id: KeyId,
    /// The secret that was presented.
    pub secret: SecretHash,
    /// Whether the tenant's keys may call.
    pub organisation_status: OrganisationStatus,
    /// Whether this key may call.
    pub status: KeyStatus,
    /// When the key stops working.
    pub expires_at: Option<Timestamp>,
    /// When this secret stops working, if the key was rotated away from it.
    pub grace_until: Option<Timestamp>,
    /// Its identifiers as text, which every call's log line has.
    pub names: Names,
    scopes: [Scope; 3],
    refusals: Arc<Refusals>,
}

/// See [`Caller::names`].
pub struct Names {
    /// The tenant's.
    pub organisation: Box<str>,
    /// The key's.
    pub key: Box<str>,
}

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

impl Caller {
    /// Makes a row ready for calls. Of two rows, the one with the greater `as_of` was read later.
    pub async fn build(
        row: CallerRow,
        as_of: u64,
        limiters: &Limiters,
        ledger: &Ledger,
    ) -> Result<Self, StoreError> {
        let CallerRow {
            organisation,
            project,
            key,
            grace_until,
            secret,
        } = row;
        let levels = [
            (
                ScopeId::Organisation(organisation.id),
                organisation.limits,
                organisation.models,
            ),
            (ScopeId::Project(project.id), project.limits, project.models),
            (ScopeId::Key(key.id), key.limits, key.models),
        ];
        let [outer, middle, inner] = levels.map(|(id, limits, models)| {
            Scope::build(id, limits, models.as_deref(), as_of, limiters)
        });
        let scopes = [outer?, middle?, inner?];
        for scope in &scopes {
            scope.open(ledger).await?;
        }
        Ok(Self {
            organisation_id: organisation.id,
            project_id: project.id,
            key_id: key.id,
            secret,
            organisation_status: organisation.status,
            status: key.status,
            expires_at: key.expires_at,
            grace_until,
            names: Names {
                organisation: organisation.id.to_string().into(),
                key: key.id.to_string().into(),
            },
            scopes,
            refusals: ledger.refusals(),
        })
    }

    /// Organisation, project and key, in the order in which their limits apply.
    pub fn scopes(&self) -> &[Scope; 3] {
        &self.scopes
    }

    /// Whether all three allow `model`.
    pub fn may_call(&self, model: &str) -> bool {
        self.scopes.iter().all(|scope| scope.models.allows(model))
    }

    /// Counts and remembers the call `id` of its, which came at `at` and reached no provider.
    pub fn refused(&self, id: CallId, at: Timestamp, refusal: &Refusal) {
        self.refusals.record(Refused {
            id,
            organisation_id: self.organisation_id,
            key_id: self.key_id,
            at,
            code: refusal.code(),
            tripped: refusal.tripped(at),
        });
    }

    /// The budgets that cover its calls, as last seen.
    pub fn covers(&self) -> impl Iterator<Item = Arc<Cover>> {
        self.scopes.iter().map(|scope| scope.cover.load_full())
    }
}

impl Scope {
    fn build(
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
            cover: ArcSwap::new(Cover::none()),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// The budgets that cover its calls, opened anew when a period has ended.
    pub async fn cover(&self, ledger: &Ledger, now: Timestamp) -> Result<Arc<Cover>, StoreError> {
        let cover = self.cover.load_full();
        if !cover.is_over(now) {
            return Ok(cover);
        }
        let reopening = tokio::time::timeout(PATIENCE, Box::pin(self.reopen(ledger, now))).await;
        reopening.map_err(|late| StoreError::unavailable(&late))?
    }

    /// The first call of a period opens its budgets; others wait for that.
    async fn reopen(&self, ledger: &Ledger, now: Timestamp) -> Result<Arc<Cover>, StoreError> {
        let _turn = self.opening.lock().await;
        let cover = self.cover.load_full();
        if !cover.is_over(now) {
            return Ok(cover);
        }
        self.open(ledger).await
    }

    async fn open(&self, ledger: &Ledger) -> Result<Arc<Cover>, StoreError> {
        let cover = ledger.cover(self.id, &self.limits, self.as_of).await?;
        self.cover.store(Arc::clone(&cover));
        Ok(cover)
    }
}
