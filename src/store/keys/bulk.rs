//! The same change of many keys: all of it happens, or nothing.

use uuid::Uuid;

use super::{KeyPatch, Named, edit};
use crate::domain::audit::Act;
use crate::domain::tenant::{KeyId, KeyStatus, OrganisationId};
use crate::store::changes::{self, ChangeKind};
use crate::store::transaction::{Tx, retried};
use crate::store::{Db, StoreError};

/// What became of each key that was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Those that are changed.
    pub done: Vec<KeyId>,
    /// Those that are not there, or not theirs.
    pub not_found: Vec<KeyId>,
}

/// Gives the keys of `ids` that are `organisation`'s, and `owner`'s if one is named, a `status`;
/// deletes them if there is none.
pub async fn bulk(
    db: &Db,
    organisation: OrganisationId,
    owner: Option<Uuid>,
    ids: &[KeyId],
    status: Option<KeyStatus>,
    act: impl Into<Act>,
) -> Result<Outcome, StoreError> {
    let (act, mut ids) = (act.into(), ids.to_vec());
    // In one order, so that two of them never wait for each other.
    ids.sort_unstable();
    ids.dedup();
    let named = ids.into_iter().map(|id| Named {
        organisation: Some(organisation),
        owner,
        ..Named::from(id)
    });
    let named: Vec<_> = named.collect();
    retried(|| change(db, &named, status, &act)).await
}

async fn change(
    db: &Db,
    named: &[Named],
    status: Option<KeyStatus>,
    act: &Act,
) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::default();
    let mut tx = db.begin_as(act).await?;
    for named in named {
        match change_one(&mut tx, named, status, act).await {
            Err(StoreError::NotFound) => outcome.not_found.push(named.id),
            changed => {
                changed?;
                outcome.done.push(named.id);
            }
        }
    }
    for id in &outcome.done {
        changes::append(&mut tx, ChangeKind::Key, id.0, act.at).await?;
    }
    tx.commit().await?;
    Ok(outcome)
}

async fn change_one(
    tx: &mut Tx,
    named: &Named,
    status: Option<KeyStatus>,
    act: &Act,
) -> Result<(), StoreError> {
    if status.is_none() {
        return edit::hide(tx, named, act).await;
    }
    let key = named.lock(tx, act.at).await?;
    if status == Some(key.status) {
        return Ok(());
    }
    let patch = KeyPatch {
        status,
        ..KeyPatch::default()
    };
    edit::apply(tx, key, patch, "key.update", act).await?;
    Ok(())
}
