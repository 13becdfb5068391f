//! Changes of one key.

use serde_json::Value;
use sqlx::types::Json;

use super::named::get;
use super::{Key, KeyPatch, Named, row, secrets};
use crate::domain::audit::Act;
use crate::domain::key::SecretHash;
use crate::domain::tenant::{OrganisationId, ScopeId};
use crate::domain::time::Timestamp;
use crate::store::changes::{self, ChangeKind};
use crate::store::transaction::Tx;
use crate::store::{Db, StoreError, audit, budgets, projects};

pub(super) const UPDATE: &str = "UPDATE keys SET project_id = $2, name = $3, status = $4,
    models = $5, limits = $6, expires_at = $7, owner_id = $8, search = $9, version = version + 1 WHERE id = $1";
pub(super) const ROTATED: &str = "UPDATE keys SET search = $2, version = version + 1
    WHERE id = $1";
pub(super) const NAME: &str = "SELECT organisation_id, name FROM keys WHERE id = $1";
pub(super) const DELETE: &str = "UPDATE keys SET deleted_at = $2 WHERE id = $1";

/// Applies `patch`.
pub async fn update(
    db: &Db,
    key: impl Into<Named>,
    patch: KeyPatch,
    act: impl Into<Act>,
) -> Result<Key, StoreError> {
    let act = act.into();
    let mut tx = db.begin_as(&act).await?;
    let key = key.into().lock(&mut tx, act.at).await?;
    let key = apply(&mut tx, key, patch, "key.update", &act).await?;
    changes::append(&mut tx, ChangeKind::Key, key.id.0, act.at).await?;
    tx.commit().await?;
    Ok(key)
}

/// Removes a key's secrets and hides it.
pub async fn delete(db: &Db, key: impl Into<Named>, act: impl Into<Act>) -> Result<(), StoreError> {
    let (act, named) = (act.into(), key.into());
    let mut tx = db.begin_as(&act).await?;
    hide(&mut tx, &named, &act).await?;
    changes::append(&mut tx, ChangeKind::Key, named.id.0, act.at).await?;
    tx.commit().await
}

/// Gives a key a new secret. The present one works until `grace_until`, older ones no more.
pub async fn rotate(
    db: &Db,
    key: impl Into<Named>,
    secret: &SecretHash,
    display: &str,
    grace_until: Timestamp,
    act: impl Into<Act>,
) -> Result<Key, StoreError> {
    let act = act.into();
    let now = act.at;
    let mut tx = db.begin_as(&act).await?;
    let old = key.into().lock(&mut tx, now).await?;
    secrets::retire(&mut tx, old.id, grace_until, now).await?;
    secrets::insert(&mut tx, old.id, secret, display, now).await?;
    with_tx!(&mut tx, |c| {
        let rotated = sqlx::query(ROTATED).bind(old.id);
        let rotated = rotated.bind(row::search(&old.name, display));
        rotated.execute(c).await.map(|_| ())
    })?;
    let key = get(&mut tx, old.id).await?;
    let (before, after) = (audit::image(&old), audit::image(&key));
    note(&mut tx, &key, "key.rotate", before, after, &act).await?;
    changes::append(&mut tx, ChangeKind::Key, key.id.0, now).await?;
    tx.commit().await?;
    Ok(key)
}

/// Applies `patch` to `old`, which is locked, and writes that down.
pub(super) async fn apply(
    tx: &mut Tx,
    old: Key,
    patch: KeyPatch,
    action: &'static str,
    act: &Act,
) -> Result<Key, StoreError> {
    let before = audit::image(&old);
    let key = patched(tx, old, patch, act.at).await?;
    with_tx!(&mut *tx, |c| {
        let update = sqlx::query(UPDATE).bind(key.id).bind(key.project_id);
        let update = update.bind(&key.name).bind(key.status);
        let update = update.bind(row::json(key.models.as_ref()));
        let update = update.bind(Json(&key.limits)).bind(key.expires_at);
        let update = update.bind(key.owner_id);
        let update = update.bind(row::search(&key.name, &key.display));
        update.execute(c).await.map(|_| ())
    })?;
    let key = get(tx, key.id).await?;
    note(tx, &key, action, before, audit::image(&key), act).await?;
    Ok(key)
}

/// What `key` becomes; its budgets allow what its new limits say.
async fn patched(
    tx: &mut Tx,
    mut key: Key,
    patch: KeyPatch,
    now: Timestamp,
) -> Result<Key, StoreError> {
    if let Some(wanted) = patch.project_id.filter(|wanted| *wanted != key.project_id) {
        let organisation = key.organisation_id;
        key.project_id = projects::receive_key(tx, organisation, Some(wanted), now).await?;
    }
    if let Some(change) = patch.limits {
        let limits = change.apply(&key.limits)?;
        budgets::set_amounts(tx, ScopeId::Key(key.id), &limits, now).await?;
        key.limits = limits;
    }
    key.name = patch.name.unwrap_or(key.name);
    key.status = patch.status.unwrap_or(key.status);
    key.models = patch.models.unwrap_or(key.models);
    key.expires_at = patch.expires_at.unwrap_or(key.expires_at);
    key.owner_id = patch.owner_id.or(key.owner_id);
    Ok(key)
}

/// Removes a key's secrets and hides it, and writes that down. A row that cannot be read can still be
/// deleted.
pub(super) async fn hide(tx: &mut Tx, key: &Named, act: &Act) -> Result<(), StoreError> {
    key.touch(tx, act.at).await?;
    let (organisation, name): (OrganisationId, String) = with_tx!(&mut *tx, |c| {
        let name = sqlx::query_as(NAME).bind(key.id);
        name.fetch_one(c).await
    })?;
    let before = match key.read(tx).await {
        Err(error @ StoreError::VersionConflict) => return Err(error),
        read => read.ok(),
    };
    secrets::delete_all(tx, key.id).await?;
    with_tx!(&mut *tx, |c| {
        let delete = sqlx::query(DELETE).bind(key.id).bind(act.at);
        delete.execute(c).await.map(|_| ())
    })?;
    let entry = audit::Entry {
        organisation: Some(organisation),
        action: "key.delete",
        subject: key.id.0,
        name: &name,
        before: before.as_ref().and_then(audit::image),
        after: None,
    };
    audit::append(tx, act, entry).await
}

/// Writes down what became of a key.
pub(super) async fn note(
    tx: &mut Tx,
    key: &Key,
    action: &'static str,
    before: Option<Value>,
    after: Option<Value>,
    act: &Act,
) -> Result<(), StoreError> {
    let entry = audit::Entry {
        organisation: Some(key.organisation_id),
        action,
        subject: key.id.0,
        name: &key.name,
        before,
        after,
    };
    audit::append(tx, act, entry).await
}
