//! The heartbeat: what keeps a process and its leases alive.

use uuid::Uuid;

use super::rows::{Lease, lock_leases, write_leases};
use super::{Holder, Renewal, expiry, holders};
use crate::domain::time::Timestamp;
use crate::store::transaction::{Tx, retried};
use crate::store::{Db, StoreError};

/// The only process on a database of one file: leases of others are of journals that are gone,
/// unless this process adopts and closes them.
pub(super) const ORPHAN: &str = "UPDATE leases SET expires_at = $2
    WHERE state <> 'closed' AND instance_id <> $1 AND expires_at > $2";

/// Enters `holder`, whose epoch fences every earlier one of its instance.
/// [`StoreError::Fenced`] if a later one is known.
pub async fn register(db: &Db, holder: &Holder, now: Timestamp) -> Result<(), StoreError> {
    retried(|| async {
        let mut tx = db.begin().await?;
        holders::prove(&mut tx, holder, now).await?;
        if let Tx::Sqlite(tx) = &mut tx {
            let orphan = sqlx::query(ORPHAN).bind(holder.instance).bind(now);
            orphan.execute(&mut **tx).await?;
        }
        tx.commit().await
    })
    .await
}

/// Leases that are in memory at once: a process may have as many as there are keys.
const AT_ONCE: usize = 512;

/// Keeps `holder` alive and its leases, each with what calls in flight hold of it, for another
/// lease life. Suspect ones are open again.
pub async fn renew(
    db: &Db,
    holder: &Holder,
    held: &[(Uuid, i64)],
    now: Timestamp,
) -> Result<Renewal, StoreError> {
    let mut held = held.to_vec();
    held.sort_unstable();
    retried(|| renew_once(db, holder, &held, now)).await
}

async fn renew_once(
    db: &Db,
    holder: &Holder,
    held: &[(Uuid, i64)],
    now: Timestamp,
) -> Result<Renewal, StoreError> {
    let mut tx = db.begin().await?;
    holders::prove(&mut tx, holder, now).await?;
    let live = holders::live(&mut tx, now).await?;
    let mut lost = Vec::new();
    for held in held.chunks(AT_ONCE) {
        lost.extend(renew_some(&mut tx, holder, held, expiry(db, now)).await?);
    }
    tx.commit().await?;
    Ok(Renewal { live, lost })
}

/// Renews leases and answers those of them that are lost.
async fn renew_some(
    tx: &mut Tx,
    holder: &Holder,
    held: &[(Uuid, i64)],
    expires_at: Timestamp,
) -> Result<Vec<Uuid>, StoreError> {
    let mut leases = lock_leases(tx, held.iter().map(|(id, _)| *id).collect()).await?;
    leases.retain(|_, lease| lease.is_of(holder));
    let renewed = held.iter().filter_map(|(id, held)| {
        let before = leases.get(id)?;
        let mut lease = before.clone();
        lease.renew(*held, expires_at);
        (lease != *before).then_some(lease)
    });
    let renewed: Vec<Lease> = renewed.collect();
    write_leases(tx, &renewed.iter().collect::<Vec<_>>()).await?;
    let ids = held.iter().map(|(id, _)| *id);
    Ok(ids.filter(|id| !leases.contains_key(id)).collect())
}
