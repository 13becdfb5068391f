//! API keys and their secrets. A key owns at most two secrets: the newest, and the one before it
//! until its grace ends. Deleting a key removes its secrets and hides it; its usage stays.

use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::changes::{self, ChangeKind};
use super::transaction::Tx;
use super::{Db, StoreError, audit, budgets, projects};
use crate::domain::audit::Act;
use crate::domain::key::SecretHash;
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::tenant::{KeyId, KeyStatus, OrganisationId, ProjectId, ScopeId};
use crate::domain::time::Timestamp;

mod owners;
mod row;
mod secrets;

pub(super) use owners::disable_of;
use row::KeyRow;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT k.id, k.organisation_id, k.project_id, k.owner_id, k.name, k.status, k.models,
                 k.limits, k.expires_at, k.created_at, k.version, newest.display,
                 previous.display AS previous_display, previous.grace_until AS previous_until,
                 previous.calls AS previous_calls
             FROM keys k
             JOIN key_secrets newest ON newest.key_id = k.id AND newest.grace_until IS NULL
             LEFT JOIN key_secrets previous
                 ON previous.key_id = k.id AND previous.grace_until IS NOT NULL
             WHERE k.deleted_at IS NULL ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO keys (id, organisation_id, project_id, name, status, models,
    limits, expires_at, created_at, updated_at, owner_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)";
const LOCK: &str = "UPDATE keys SET updated_at = $2
    WHERE id = $1 AND deleted_at IS NULL";
const UPDATE: &str = "UPDATE keys SET project_id = $2, name = $3, status = $4, models = $5,
    limits = $6, expires_at = $7, owner_id = $8, version = version + 1 WHERE id = $1";
const DELETE: &str = "UPDATE keys SET deleted_at = $2 WHERE id = $1";
const NAME: &str = "SELECT organisation_id, name FROM keys WHERE id = $1";
const BY_ID: &str = select!("AND k.id = $1");
const IN_ORGANISATION: &str = select!("AND k.organisation_id = $1 AND k.id = $2");
const ALL: &str = select!("AND k.organisation_id = $1 ORDER BY k.created_at, k.id");

pub(super) const STATEMENTS: &[&str] = &[
    INSERT,
    LOCK,
    UPDATE,
    DELETE,
    NAME,
    BY_ID,
    IN_ORGANISATION,
    ALL,
    owners::ACTIVE,
    owners::DISABLE,
    secrets::INSERT,
    secrets::OF_KEY,
    secrets::DELETE,
    secrets::RETIRE,
];

/// A key that was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// What its usage names.
    pub id: KeyId,
    /// Whose it is.
    pub organisation_id: OrganisationId,
    /// Where it belongs.
    pub project_id: ProjectId,
    /// The user or token whose it is; none for the command line's.
    pub owner_id: Option<Uuid>,
    /// Not unique.
    pub name: String,
    /// Whether it may call.
    pub status: KeyStatus,
    /// The models it may call; `None` for all.
    pub models: Option<Vec<String>>,
    /// What it may use.
    pub limits: Limits,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Grows with every write.
    pub version: i64,
    /// The newest secret as it may be shown.
    pub display: String,
    /// The secret before it.
    pub previous: Option<PreviousSecret>,
}

/// A secret that was rotated away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreviousSecret {
    /// As it may be shown.
    pub display: String,
    /// Until when it works.
    pub grace_until: Timestamp,
    /// Calls made with it since the rotation.
    pub calls: i64,
}

/// What a new key is made of.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose it is.
    pub organisation_id: OrganisationId,
    /// Where it belongs; `None` for the default project.
    pub project_id: Option<ProjectId>,
    /// Not unique.
    pub name: String,
    /// The models it may call; `None` for all.
    pub models: Option<Vec<String>>,
    /// What it may use.
    pub limits: Limits,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// What an update changes; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct KeyPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new status.
    pub status: Option<KeyStatus>,
    /// Another project of the same organisation.
    pub project_id: Option<ProjectId>,
    /// A new allowlist; `Some(None)` allows all models.
    pub models: Option<Option<Vec<String>>>,
    /// What becomes of its limits.
    pub limits: Option<LimitsPatch>,
    /// A new expiry; `Some(None)` for none.
    pub expires_at: Option<Option<Timestamp>>,
    /// Another owner, who must be a member.
    pub owner_id: Option<Uuid>,
    /// Only if this is still its version.
    pub version: Option<i64>,
}

/// Creates a key with its first secret.
pub async fn create(
    db: &Db,
    new: NewKey,
    secret: &SecretHash,
    display: &str,
    act: impl Into<Act>,
) -> Result<Key, StoreError> {
    let (id, act) = (KeyId::new(), act.into());
    let now = act.at;
    let mut tx = db.begin().await?;
    let project = projects::receive_key(&mut tx, new.organisation_id, new.project_id, now).await?;
    with_tx!(&mut tx, |c| {
        let insert = sqlx::query(INSERT)
            .bind(id)
            .bind(new.organisation_id)
            .bind(project);
        let insert = insert.bind(&new.name).bind(KeyStatus::Active);
        let insert = insert
            .bind(row::json(new.models.as_ref()))
            .bind(Json(&new.limits));
        let insert = insert.bind(new.expires_at).bind(now);
        let insert = insert.bind(act.author.id());
        insert.execute(c).await.map(|_| ())
    })?;
    secrets::insert(&mut tx, id, secret, display, now).await?;
    finish(tx, id, "key.create", None, &act).await
}

/// The keys of an organisation, oldest first. One that cannot be read is left out and logged, so that
/// it does not hide the others.
pub async fn list(db: &Db, organisation: OrganisationId) -> Result<Vec<Key>, StoreError> {
    let rows: Vec<_> = with_pool!(db, |pool| {
        let rows = sqlx::query(ALL).bind(organisation).fetch_all(pool).await?;
        rows.iter().map(KeyRow::from_row).collect()
    });
    Ok(rows.into_iter().filter_map(row::readable).collect())
}

/// The key with this id, for operators.
pub async fn find(db: &Db, id: KeyId) -> Result<Option<Key>, StoreError> {
    let row: Option<KeyRow> = with_pool!(db, |pool| {
        sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await
    })?;
    Ok(row.map(Key::from))
}

/// The key with this id, if it is this organisation's.
pub async fn find_in(
    db: &Db,
    organisation: OrganisationId,
    id: KeyId,
) -> Result<Option<Key>, StoreError> {
    let row: Option<KeyRow> = with_pool!(db, |pool| {
        sqlx::query_as(IN_ORGANISATION)
            .bind(organisation)
            .bind(id)
            .fetch_optional(pool)
            .await
    })?;
    Ok(row.map(Key::from))
}

/// Applies `patch`.
pub async fn update(
    db: &Db,
    id: KeyId,
    patch: KeyPatch,
    act: impl Into<Act>,
) -> Result<Key, StoreError> {
    let act = act.into();
    let now = act.at;
    let mut tx = db.begin().await?;
    let mut key = lock(&mut tx, id, now).await?;
    if patch.version.is_some_and(|version| version != key.version) {
        return Err(StoreError::VersionConflict);
    }
    let before = audit::image(&key);
    if let Some(wanted) = patch.project_id.filter(|wanted| *wanted != key.project_id) {
        let organisation = key.organisation_id;
        key.project_id = projects::receive_key(&mut tx, organisation, Some(wanted), now).await?;
    }
    if let Some(change) = patch.limits {
        let limits = change.apply(&key.limits)?;
        budgets::set_amounts(&mut tx, ScopeId::Key(id), &limits, now).await?;
        key.limits = limits;
    }
    key.name = patch.name.unwrap_or(key.name);
    key.status = patch.status.unwrap_or(key.status);
    key.models = patch.models.unwrap_or(key.models);
    key.expires_at = patch.expires_at.unwrap_or(key.expires_at);
    key.owner_id = patch.owner_id.or(key.owner_id);
    with_tx!(&mut tx, |c| {
        let update = sqlx::query(UPDATE)
            .bind(id)
            .bind(key.project_id)
            .bind(&key.name);
        let update = update.bind(key.status).bind(row::json(key.models.as_ref()));
        let update = update.bind(Json(&key.limits)).bind(key.expires_at);
        let update = update.bind(key.owner_id);
        update.execute(c).await.map(|_| ())
    })?;
    finish(tx, id, "key.update", before, &act).await
}

/// Removes a key's secrets and hides it.
pub async fn delete(db: &Db, id: KeyId, act: impl Into<Act>) -> Result<(), StoreError> {
    let act = act.into();
    let now = act.at;
    let mut tx = db.begin().await?;
    touch(&mut tx, id, now).await?;
    let (organisation, name): (OrganisationId, String) =
        with_tx!(&mut tx, |c| sqlx::query_as(NAME)
            .bind(id)
            .fetch_one(c)
            .await)?;
    // A row that cannot be read can still be deleted.
    let before = get(&mut tx, id).await.ok();
    secrets::delete_all(&mut tx, id).await?;
    with_tx!(&mut tx, |c| {
        sqlx::query(DELETE)
            .bind(id)
            .bind(now)
            .execute(c)
            .await
            .map(|_| ())
    })?;
    let entry = audit::Entry {
        organisation: Some(organisation),
        action: "key.delete",
        subject: id.0,
        name: &name,
        before: before.as_ref().and_then(audit::image),
        after: None,
    };
    audit::append(&mut tx, &act, entry).await?;
    changes::append(&mut tx, ChangeKind::Key, id.0, now).await?;
    tx.commit().await
}

/// Gives a key a new secret. The present one works until `grace_until`, older ones no more.
pub async fn rotate(
    db: &Db,
    id: KeyId,
    secret: &SecretHash,
    display: &str,
    grace_until: Timestamp,
    act: impl Into<Act>,
) -> Result<Key, StoreError> {
    let act = act.into();
    let now = act.at;
    let mut tx = db.begin().await?;
    let before = audit::image(&lock(&mut tx, id, now).await?);
    secrets::retire(&mut tx, id, grace_until, now).await?;
    secrets::insert(&mut tx, id, secret, display, now).await?;
    finish(tx, id, "key.rotate", before, &act).await
}

async fn lock(tx: &mut Tx, id: KeyId, now: Timestamp) -> Result<Key, StoreError> {
    touch(tx, id, now).await?;
    get(tx, id).await
}

/// Takes the row's write lock by writing to it, which both engines understand.
async fn touch(tx: &mut Tx, id: KeyId, now: Timestamp) -> Result<(), StoreError> {
    let touched = with_tx!(tx, |c| {
        let lock = sqlx::query(LOCK).bind(id).bind(now).execute(c).await;
        lock.map(|done| done.rows_affected())
    })?;
    if touched == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(())
}

async fn get(tx: &mut Tx, id: KeyId) -> Result<Key, StoreError> {
    let row: KeyRow = with_tx!(tx, |c| sqlx::query_as(BY_ID).bind(id).fetch_one(c).await)?;
    Ok(row.into())
}

async fn finish(
    mut tx: Tx,
    id: KeyId,
    action: &'static str,
    before: Option<Value>,
    act: &Act,
) -> Result<Key, StoreError> {
    let key = get(&mut tx, id).await?;
    let entry = audit::Entry {
        organisation: Some(key.organisation_id),
        action,
        subject: id.0,
        name: &key.name,
        before,
        after: audit::image(&key),
    };
    audit::append(&mut tx, act, entry).await?;
    changes::append(&mut tx, ChangeKind::Key, id.0, act.at).await?;
    tx.commit().await?;
    Ok(key)
}
