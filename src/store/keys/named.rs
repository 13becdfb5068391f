//! Keys as a change names them: whoever asks reaches no others, and changes nothing that they have not
//! read.

use uuid::Uuid;

use super::row::KeyRow;
use super::{BY_ID, Key};
use crate::domain::tenant::{KeyId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::transaction::Tx;

/// Takes the row's write lock by writing to it, which both engines understand.
pub(super) const LOCK: &str = "UPDATE keys SET updated_at = $2
    WHERE id = $1 AND deleted_at IS NULL AND organisation_id = COALESCE($3, organisation_id)
        AND owner_id IS NOT DISTINCT FROM COALESCE($4, owner_id)";

/// See the module. A bare [`KeyId`] is the command line's, which reaches every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The key.
    pub id: KeyId,
    /// Only if it is this organisation's.
    pub organisation: Option<OrganisationId>,
    /// Only if it is this user's or token's.
    pub owner: Option<Uuid>,
    /// Only if this is still its version.
    pub version: Option<i64>,
}

impl From<KeyId> for Named {
    fn from(id: KeyId) -> Self {
        Self {
            id,
            organisation: None,
            owner: None,
            version: None,
        }
    }
}

impl Named {
    /// Lets nobody else change the key until the transaction ends.
    pub(super) async fn touch(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        let touched = with_tx!(tx, |c| {
            let lock = sqlx::query(LOCK).bind(self.id).bind(now);
            let lock = lock.bind(self.organisation).bind(self.owner);
            lock.execute(c).await.map(|done| done.rows_affected())
        })?;
        if touched == 0 {
            return Err(StoreError::NotFound);
        }
        Ok(())
    }

    /// The key, if it is still of the version that is named.
    pub(super) async fn read(&self, tx: &mut Tx) -> Result<Key, StoreError> {
        let key = get(tx, self.id).await?;
        match self.version {
            Some(version) if version != key.version => Err(StoreError::VersionConflict),
            _ => Ok(key),
        }
    }

    /// The key, which nobody else changes until the transaction ends.
    pub(super) async fn lock(&self, tx: &mut Tx, now: Timestamp) -> Result<Key, StoreError> {
        self.touch(tx, now).await?;
        self.read(tx).await
    }
}

pub(super) async fn get(tx: &mut Tx, id: KeyId) -> Result<Key, StoreError> {
    let row: KeyRow = with_tx!(tx, |c| sqlx::query_as(BY_ID).bind(id).fetch_one(c).await)?;
    Ok(row.into())
}
