//! The secrets of a key. Two of them are written in the order of their hashes, as booking does.

use crate::domain::key::SecretHash;
use crate::domain::tenant::KeyId;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::transaction::Tx;

pub(super) const INSERT: &str =
    "INSERT INTO key_secrets (hash, key_id, display, created_at) VALUES ($1, $2, $3, $4)";
pub(super) const OF_KEY: &str =
    "SELECT hash, grace_until FROM key_secrets WHERE key_id = $1 ORDER BY hash";
pub(super) const DELETE: &str = "DELETE FROM key_secrets WHERE hash = $1";
pub(super) const RETIRE: &str =
    "UPDATE key_secrets SET grace_until = $2, calls = 0 WHERE hash = $1";

pub(super) async fn insert(
    tx: &mut Tx,
    key: KeyId,
    secret: &SecretHash,
    display: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    with_tx!(tx, |c| {
        let insert = sqlx::query(INSERT)
            .bind(*secret)
            .bind(key)
            .bind(display)
            .bind(now);
        insert.execute(c).await.map(|_| ())
    })?;
    Ok(())
}

/// Lets the newest secret live until `grace_until` and removes the others; if that is over already,
/// removes all.
pub(super) async fn retire(
    tx: &mut Tx,
    key: KeyId,
    grace_until: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    // The unique index takes one secret in its grace: the older one goes first.
    let (old, newest): (Vec<_>, Vec<_>) = of_key(tx, key)
        .await?
        .into_iter()
        .partition(|(_, grace)| grace.is_some());
    for (hash, _) in old {
        delete(tx, hash).await?;
    }
    for (hash, _) in newest {
        if grace_until <= now {
            delete(tx, hash).await?;
            continue;
        }
        with_tx!(&mut *tx, |c| {
            let retire = sqlx::query(RETIRE).bind(hash).bind(grace_until);
            retire.execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}

pub(super) async fn delete_all(tx: &mut Tx, key: KeyId) -> Result<(), StoreError> {
    for (hash, _) in of_key(tx, key).await? {
        delete(tx, hash).await?;
    }
    Ok(())
}

async fn of_key(
    tx: &mut Tx,
    key: KeyId,
) -> Result<Vec<(SecretHash, Option<Timestamp>)>, StoreError> {
    Ok(with_tx!(tx, |c| sqlx::query_as(OF_KEY)
        .bind(key)
        .fetch_all(c)
        .await)?)
}

async fn delete(tx: &mut Tx, hash: SecretHash) -> Result<(), StoreError> {
    with_tx!(tx, |c| sqlx::query(DELETE)
        .bind(hash)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}
