//! The end of an organisation. Its keys die with it and nobody belongs to it any more; its usage and
//! what was changed in it stay, and so do the rows that these name.

use super::lock;
use crate::domain::audit::Act;
use crate::domain::tenant::OrganisationId;
use crate::domain::time::Timestamp;
use crate::store::changes::{self, ChangeKind};
use crate::store::transaction::{Tx, retried};
use crate::store::{Db, StoreError, audit};

/// Frees the name, which the table keeps unique.
pub(in crate::store) const HIDE: &str =
    "UPDATE organisations SET deleted_at = $2, name = $3 WHERE id = $1";

/// Hidden with it, in this order: no key enters a project that is deleted.
const HIDDEN: [&str; 2] = [
    "UPDATE projects SET deleted_at = $2 WHERE organisation_id = $1 AND deleted_at IS NULL",
    "UPDATE keys SET deleted_at = $2 WHERE organisation_id = $1 AND deleted_at IS NULL",
];

/// Gone with it.
const GONE: [&str; 4] = [
    "DELETE FROM key_secrets WHERE key_id IN (SELECT id FROM keys WHERE organisation_id = $1)",
    "DELETE FROM memberships WHERE organisation_id = $1",
    "DELETE FROM invitations WHERE organisation_id = $1",
    "DELETE FROM tokens WHERE organisation_id = $1",
];

/// Deletes an organisation, only if it still has this `version` where one is named.
pub async fn delete(
    db: &Db,
    id: OrganisationId,
    version: Option<i64>,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let act = act.into();
    // A key that is being moved waits for its project, which waits here for the key.
    retried(|| end(db, id, version, &act)).await
}

async fn end(
    db: &Db,
    id: OrganisationId,
    version: Option<i64>,
    act: &Act,
) -> Result<(), StoreError> {
    let mut tx = db.begin_as(act).await?;
    let organisation = lock(&mut tx, id, version, act.at).await?;
    end_what_it_has(&mut tx, id, act.at).await?;
    let freed = format!("{} (deleted {id})", organisation.name);
    with_tx!(&mut tx, |c| {
        let hide = sqlx::query(HIDE).bind(id).bind(act.at).bind(freed);
        hide.execute(c).await.map(|_| ())
    })?;
    let entry = audit::Entry {
        organisation: Some(id),
        action: "organisation.delete",
        subject: id.0,
        name: &organisation.name,
        before: audit::image(&organisation),
        after: None,
    };
    audit::append(&mut tx, act, entry).await?;
    changes::append(&mut tx, ChangeKind::Organisation, id.0, act.at).await?;
    tx.commit().await
}

async fn end_what_it_has(
    tx: &mut Tx,
    id: OrganisationId,
    now: Timestamp,
) -> Result<(), StoreError> {
    for statement in HIDDEN {
        with_tx!(&mut *tx, |c| {
            let hide = sqlx::query(statement).bind(id).bind(now);
            hide.execute(c).await.map(|_| ())
        })?;
    }
    for statement in GONE {
        with_tx!(&mut *tx, |c| {
            let delete = sqlx::query(statement).bind(id);
            delete.execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}
