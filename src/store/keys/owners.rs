//! What becomes of the keys of someone who leaves.

use uuid::Uuid;

use super::{KeyPatch, Named, edit};
use crate::domain::audit::Act;
use crate::domain::tenant::{KeyId, KeyStatus, OrganisationId};
use crate::store::StoreError;
use crate::store::transaction::Tx;

pub(super) const ACTIVE: &str = "SELECT id FROM keys WHERE organisation_id = $1 AND owner_id = $2
    AND status = 'active' AND deleted_at IS NULL ORDER BY id";

/// Disables the active keys of `owner`; which they were. Whoever calls appends the changes, last.
pub(in crate::store) async fn disable_of(
    tx: &mut Tx,
    organisation: OrganisationId,
    owner: Uuid,
    act: &Act,
) -> Result<Vec<KeyId>, StoreError> {
    let active: Vec<KeyId> = with_tx!(&mut *tx, |c| {
        let active = sqlx::query_scalar(ACTIVE).bind(organisation).bind(owner);
        active.fetch_all(c).await
    })?;
    for id in &active {
        let key = Named::from(*id).lock(tx, act.at).await?;
        let patch = KeyPatch {
            status: Some(KeyStatus::Disabled),
            ..KeyPatch::default()
        };
        edit::apply(tx, key, patch, "key.update", act).await?;
    }
    Ok(active)
}
