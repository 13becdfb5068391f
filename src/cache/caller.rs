//! A key with everything that a call through it needs to know, as it was read together.

use std::sync::Arc;

use super::scope::Scope;
use crate::domain::key::SecretHash;
use crate::domain::refused::{Refused, Tripped};
use crate::domain::tenant::{
    CallId, KeyId, KeyStatus, OrganisationId, OrganisationStatus, ProjectId,
};
use crate::domain::time::Timestamp;
use crate::ledger::{Cover, Refusals};
use crate::limiters::capacity::Portion;
use crate::store::callers::CallerRow;

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
    scopes: [Arc<Scope>; 3],
    portion: Arc<Portion>,
    refusals: Arc<Refusals>,
}

impl Caller {
    /// The owner that `row` tells of, limited by `scopes`.
    pub(super) fn new(
        row: &CallerRow,
        scopes: [Arc<Scope>; 3],
        portion: Arc<Portion>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self {
            organisation_id: row.organisation.id,
            project_id: row.project.id,
            key_id: row.key.id,
            secret: row.secret,
            organisation_status: row.organisation.status,
            status: row.key.status,
            expires_at: row.key.expires_at,
            grace_until: row.grace_until,
            scopes,
            portion,
            refusals,
        }
    }

    /// Organisation, project and key, in the order in which their limits apply.
    pub fn scopes(&self) -> &[Arc<Scope>; 3] {
        &self.scopes
    }

    /// What its organisation's calls take of this process.
    pub fn portion(&self) -> &Arc<Portion> {
        &self.portion
    }

    /// Whether all three allow `model`.
    pub fn may_call(&self, model: &str) -> bool {
        self.scopes.iter().all(|scope| scope.allows(model))
    }

    /// Counts and remembers the call `id` of its, which was refused with `code` at `at` and reached no
    /// provider.
    pub fn refused(&self, id: CallId, at: Timestamp, code: &'static str, tripped: Option<Tripped>) {
        self.refusals.record(Refused {
            id,
            organisation_id: self.organisation_id,
            key_id: self.key_id,
            at,
            code,
            tripped,
        });
    }

    /// The budgets that cover its calls, as last seen.
    pub fn covers(&self) -> impl Iterator<Item = Arc<Cover>> {
        self.scopes.iter().map(|scope| scope.last_cover())
    }
}
