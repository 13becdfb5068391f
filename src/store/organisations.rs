//! Tenants. Every one has a project "Default", where keys without a project go.

use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::changes::{self, ChangeKind};
use super::transaction::Tx;
use super::{Db, StoreError, audit, budgets, idempotency, projects};
use crate::domain::audit::Act;
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::tenant::{OrganisationId, OrganisationStatus, ScopeId};
use crate::domain::time::Timestamp;

mod delete;

pub use delete::delete;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, status, limits, models, version, created_at FROM organisations
             WHERE deleted_at IS NULL ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO organisations (id, name, status, limits, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5)";
const LOCK: &str = "UPDATE organisations SET updated_at = $2 WHERE id = $1";
const UPDATE: &str = "UPDATE organisations SET name = $2, status = $3, limits = $4,
    models = $5, version = version + 1 WHERE id = $1";
const BY_ID: &str = select!("AND id = $1");
const BY_NAME: &str = select!("AND name = $1");
const ALL: &str = select!("ORDER BY name");

pub(super) const STATEMENTS: &[&str] = &[INSERT, LOCK, UPDATE, BY_ID, BY_NAME, ALL, delete::HIDE];

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct Organisation {
    /// What everything of it names.
    pub id: OrganisationId,
    /// Unique.
    pub name: String,
    /// Whether its keys may call.
    pub status: OrganisationStatus,
    /// What all its keys together may use.
    #[sqlx(json)]
    pub limits: Limits,
    /// The models its keys may call; `None` for all.
    #[sqlx(json(nullable))]
    pub models: Option<Vec<String>>,
    /// Grows with every write.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What an update changes; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct OrganisationPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new status.
    pub status: Option<OrganisationStatus>,
    /// What becomes of its limits.
    pub limits: Option<LimitsPatch>,
    /// A new allowlist; `Some(None)` allows all models.
    pub models: Option<Option<Vec<String>>>,
    /// Only if this is still its version.
    pub version: Option<i64>,
}

/// Creates an organisation and its default project.
pub async fn create(
    db: &Db,
    name: &str,
    limits: &Limits,
    act: impl Into<Act>,
) -> Result<Organisation, StoreError> {
    let act = act.into();
    let mut tx = db.begin_as(&act).await?;
    let organisation = insert(&mut tx, name, limits, &act).await?;
    changes::append(&mut tx, ChangeKind::Organisation, organisation.id.0, act.at).await?;
    tx.commit().await?;
    Ok(organisation)
}

/// The same as part of more; what changed is the transaction's to append at its end.
pub(super) async fn insert(
    tx: &mut Tx,
    name: &str,
    limits: &Limits,
    act: &Act,
) -> Result<Organisation, StoreError> {
    let id = OrganisationId::new();
    idempotency::note(tx, act, id.0).await?;
    with_tx!(&mut *tx, |c| {
        let insert = sqlx::query(INSERT).bind(id).bind(name);
        let insert = insert
            .bind(OrganisationStatus::Active)
            .bind(Json(limits))
            .bind(act.at);
        insert.execute(c).await.map(|_| ())
    })?;
    projects::insert_default(tx, id, act.at).await?;
    note(tx, id, "organisation.create", None, act).await
}

/// The organisation with this id.
pub async fn find_by_id(db: &Db, id: OrganisationId) -> Result<Option<Organisation>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await
    })?)
}

/// The organisation with this id or, failing that, this name.
pub async fn find(db: &Db, name_or_id: &str) -> Result<Option<Organisation>, StoreError> {
    if let Ok(id) = name_or_id.parse::<Uuid>() {
        let found = find_by_id(db, OrganisationId(id)).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(BY_NAME)
            .bind(name_or_id)
            .fetch_optional(pool)
            .await
    })?)
}

/// All organisations by name.
pub async fn list(db: &Db) -> Result<Vec<Organisation>, StoreError> {
    Ok(with_pool!(db, |pool| sqlx::query_as(ALL)
        .fetch_all(pool)
        .await)?)
}

/// Applies `patch`.
pub async fn update(
    db: &Db,
    id: OrganisationId,
    patch: OrganisationPatch,
    act: impl Into<Act>,
) -> Result<Organisation, StoreError> {
    let act = act.into();
    let now = act.at;
    let mut tx = db.begin_as(&act).await?;
    let old = lock(&mut tx, id, patch.version, now).await?;
    let before = audit::image(&old);
    let limits = patch.limits.map(|change| change.apply(&old.limits));
    let limits = limits.transpose()?;
    if let Some(limits) = &limits {
        budgets::set_amounts(&mut tx, ScopeId::Organisation(id), limits, now).await?;
    }
    let name = patch.name.unwrap_or(old.name);
    let status = patch.status.unwrap_or(old.status);
    let limits = limits.unwrap_or(old.limits);
    let models = patch.models.unwrap_or(old.models);
    with_tx!(&mut tx, |c| {
        let update = sqlx::query(UPDATE)
            .bind(id)
            .bind(name)
            .bind(status)
            .bind(Json(limits))
            .bind(models.map(Json));
        update.execute(c).await.map(|_| ())
    })?;
    let organisation = note(&mut tx, id, "organisation.update", before, &act).await?;
    changes::append(&mut tx, ChangeKind::Organisation, id.0, act.at).await?;
    tx.commit().await?;
    Ok(organisation)
}

/// The organisation, which nobody else changes until the transaction ends; only if it still has this
/// version.
async fn lock(
    tx: &mut Tx,
    id: OrganisationId,
    version: Option<i64>,
    now: Timestamp,
) -> Result<Organisation, StoreError> {
    with_tx!(&mut *tx, |c| {
        let lock = sqlx::query(LOCK).bind(id).bind(now);
        lock.execute(c).await.map(|_| ())
    })?;
    let found = get(tx, id).await?;
    match version {
        Some(version) if version != found.version => Err(StoreError::VersionConflict),
        _ => Ok(found),
    }
}

async fn get(tx: &mut Tx, id: OrganisationId) -> Result<Organisation, StoreError> {
    Ok(with_tx!(tx, |c| sqlx::query_as(BY_ID)
        .bind(id)
        .fetch_one(c)
        .await)?)
}

/// Writes a change down; how the organisation is then.
async fn note(
    tx: &mut Tx,
    id: OrganisationId,
    action: &'static str,
    before: Option<Value>,
    act: &Act,
) -> Result<Organisation, StoreError> {
    let organisation = get(tx, id).await?;
    let entry = audit::Entry {
        organisation: Some(id),
        action,
        subject: id.0,
        name: &organisation.name,
        before,
        after: audit::image(&organisation),
    };
    audit::append(tx, act, entry).await?;
    Ok(organisation)
}
