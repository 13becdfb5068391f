//! Keys that were found where they should not be.

use super::{KeyPatch, Named, edit};
use crate::domain::audit::Act;
use crate::domain::key::SecretHash;
use crate::domain::tenant::{KeyId, KeyStatus};
use crate::store::changes::{self, ChangeKind};
use crate::store::{Db, StoreError};

/// A secret whose grace ended proves nothing any more.
pub(super) const OF_SECRET: &str = "SELECT key_id FROM key_secrets
    WHERE hash = $1 AND (grace_until IS NULL OR grace_until > $2)";

/// Disables the key that `secret` belongs to, if there is one and it works.
pub async fn revoke_leaked(
    db: &Db,
    secret: &SecretHash,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let act = act.into();
    let found: Option<KeyId> = with_pool!(db, |pool| {
        let of_secret = sqlx::query_scalar(OF_SECRET).bind(*secret);
        of_secret.bind(act.at).fetch_optional(pool).await
    })?;
    let Some(id) = found else { return Ok(()) };
    let mut tx = db.begin().await?;
    let key = match Named::from(id).lock(&mut tx, act.at).await {
        Err(StoreError::NotFound) => return Ok(()),
        found => found?,
    };
    if key.status == KeyStatus::Disabled {
        return Ok(());
    }
    let patch = KeyPatch {
        status: Some(KeyStatus::Disabled),
        ..KeyPatch::default()
    };
    edit::apply(&mut tx, key, patch, "key.leak", &act).await?;
    changes::append(&mut tx, ChangeKind::Key, id.0, act.at).await?;
    tx.commit().await
}
