//! Tenants. Every one has a project "Default", where keys without a project go.

use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::changes::{self, ChangeKind};
use super::transaction::Tx;
use super::{Db, StoreError, budgets, projects};
use crate::domain::limits::Limits;
use crate::domain::tenant::{OrganisationId, OrganisationStatus, ScopeId};
use crate::domain::time::Timestamp;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, status, limits, models, version, created_at FROM organisations ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO organisations (id, name, status, limits, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5)";
const LOCK: &str = "UPDATE organisations SET version = version + 1, updated_at = $2 WHERE id = $1";
const UPDATE: &str = "UPDATE organisations SET name = $2, status = $3, limits = $4 WHERE id = $1";
const BY_ID: &str = select!("WHERE id = $1");
const BY_NAME: &str = select!("WHERE name = $1");
const ALL: &str = select!("ORDER BY name");

pub(super) const STATEMENTS: &[&str] = &[INSERT, LOCK, UPDATE, BY_ID, BY_NAME, ALL];

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
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
    /// New limits, all of them.
    pub limits: Option<Limits>,
}

/// Creates an organisation and its default project.
pub async fn create(
    db: &Db,
    name: &str,
    limits: &Limits,
    now: Timestamp,
) -> Result<Organisation, StoreError> {
    let id = OrganisationId::new();
    let mut tx = db.begin().await?;
    with_tx!(&mut tx, |c| {
        let insert = sqlx::query(INSERT).bind(id).bind(name);
        let insert = insert
            .bind(OrganisationStatus::Active)
            .bind(Json(limits))
            .bind(now);
        insert.execute(c).await.map(|_| ())
    })?;
    projects::insert_default(&mut tx, id, now).await?;
    finish(tx, id, now).await
}

/// The organisation with this id or, failing that, this name.
pub async fn find(db: &Db, name_or_id: &str) -> Result<Option<Organisation>, StoreError> {
    if let Ok(id) = name_or_id.parse::<Uuid>() {
        let found = with_pool!(db, |pool| {
            sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await
        })?;
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
    now: Timestamp,
) -> Result<Organisation, StoreError> {
    let mut tx = db.begin().await?;
    with_tx!(&mut tx, |c| {
        sqlx::query(LOCK)
            .bind(id)
            .bind(now)
            .execute(c)
            .await
            .map(|_| ())
    })?;
    let old = get(&mut tx, id).await?;
    if let Some(limits) = &patch.limits {
        budgets::set_amounts(&mut tx, ScopeId::Organisation(id), limits, now).await?;
    }
    let name = patch.name.unwrap_or(old.name);
    let status = patch.status.unwrap_or(old.status);
    let limits = patch.limits.unwrap_or(old.limits);
    with_tx!(&mut tx, |c| {
        let update = sqlx::query(UPDATE)
            .bind(id)
            .bind(name)
            .bind(status)
            .bind(Json(limits));
        update.execute(c).await.map(|_| ())
    })?;
    finish(tx, id, now).await
}

async fn get(tx: &mut Tx, id: OrganisationId) -> Result<Organisation, StoreError> {
    Ok(with_tx!(tx, |c| sqlx::query_as(BY_ID)
        .bind(id)
        .fetch_one(c)
        .await)?)
}

async fn finish(
    mut tx: Tx,
    id: OrganisationId,
    now: Timestamp,
) -> Result<Organisation, StoreError> {
    let organisation = get(&mut tx, id).await?;
    changes::append(&mut tx, ChangeKind::Organisation, id.0, now).await?;
    tx.commit().await?;
    Ok(organisation)
}
