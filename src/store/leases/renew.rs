//! The heartbeat: what keeps a process and its leases alive.

use std::collections::BTreeMap;

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

/// Keeps `holder` alive and its leases, each with what calls in flight hold of it, for another
/// lease life. Suspect ones are open again.
pub async fn renew(
    db: &Db,
    holder: &Holder,
    held: &[(Uuid, i64)],
    now: Timestamp,
) -> Result<Renewal, StoreError> {
    retried(|| renew_once(db, holder, held, now)).await
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
    let held: BTreeMap<Uuid, i64> = held.iter().copied().collect();
    let mut leases = lock_leases(&mut tx, held.keys().copied().collect()).await?;
    leases.retain(|_, lease| lease.is_of(holder));
    let mut changed: Vec<&Lease> = Vec::with_capacity(leases.len());
    for lease in leases.values_mut() {
        let before = lease.clone();
        let held = held.get(&lease.id).copied().unwrap_or_default();
        lease.renew(held, expiry(db, now));
        if *lease != before {
            changed.push(lease);
        }
    }
    write_leases(&mut tx, &changed).await?;
    tx.commit().await?;
    let lost = held.into_keys().filter(|id| !leases.contains_key(id));
    let lost = lost.collect();
    Ok(Renewal { live, lost })
}
