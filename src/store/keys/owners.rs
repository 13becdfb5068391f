//! What becomes of the keys of someone who leaves.

use uuid::Uuid;

use super::{lock, note};
use crate::domain::audit::Act;
use crate::domain::tenant::{KeyId, KeyStatus, OrganisationId};
use crate::store::transaction::Tx;
use crate::store::{StoreError, audit};

pub(super) const ACTIVE: &str = "SELECT id FROM keys WHERE organisation_id = $1 AND owner_id = $2
    AND status = 'active' AND deleted_at IS NULL ORDER BY id";
pub(super) const DISABLE: &str =
    "UPDATE keys SET status = 'disabled', version = version + 1 WHERE id = $1";

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
        let mut key = lock(tx, *id, act.at).await?;
        let before = audit::image(&key);
        with_tx!(&mut *tx, |c| {
            let disable = sqlx::query(DISABLE).bind(id).execute(c).await;
            disable.map(|_| ())
        })?;
        key.status = KeyStatus::Disabled;
        key.version += 1;
        note(tx, &key, "key.update", before, audit::image(&key), act).await?;
    }
    Ok(active)
}
