//! Groups of keys inside an organisation. A deleted project frees its name and is found no more; its
//! row stays, because usage names it.

use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::changes::{self, ChangeKind};
use super::transaction::Tx;
use super::{Db, StoreError, audit, idempotency};
use crate::domain::audit::Act;
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::tenant::{OrganisationId, ProjectId};
use crate::domain::time::Timestamp;

mod edit;

pub use edit::{delete, update};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, organisation_id, name, limits, models, is_default, version, created_at
             FROM projects WHERE organisation_id = $1 AND deleted_at IS NULL ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO projects
    (id, organisation_id, name, limits, models, is_default, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
const LOCK: &str = "UPDATE projects SET updated_at = $3
    WHERE organisation_id = $1 AND id = $2 AND deleted_at IS NULL";
const BY_ID: &str = select!("AND id = $2");
const BY_NAME: &str = select!("AND name = $2");
const DEFAULT: &str = select!("AND is_default");
const ALL: &str = select!("ORDER BY name");
const ORGANISATION: &str =
    "SELECT COUNT(*) > 0 FROM organisations WHERE id = $1 AND deleted_at IS NULL";

pub(super) const STATEMENTS: &[&str] = &[
    INSERT,
    LOCK,
    edit::UPDATE,
    edit::DELETE,
    edit::HAS_KEYS,
    BY_ID,
    BY_NAME,
    DEFAULT,
    ALL,
    ORGANISATION,
];

/// A group of keys with limits of its own.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct Project {
    /// What its keys name.
    pub id: ProjectId,
    /// Whose it is.
    pub organisation_id: OrganisationId,
    /// Unique in its organisation.
    pub name: String,
    /// What all its keys together may use.
    #[sqlx(json)]
    pub limits: Limits,
    /// The models its keys may call; `None` for all.
    #[sqlx(json(nullable))]
    pub models: Option<Vec<String>>,
    /// Whether keys without a project go here; such a project stays.
    pub is_default: bool,
    /// Grows with every write.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What an update changes; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ProjectPatch {
    /// A new name.
    pub name: Option<String>,
    /// What becomes of its limits.
    pub limits: Option<LimitsPatch>,
    /// A new allowlist; `Some(None)` allows all models.
    pub models: Option<Option<Vec<String>>>,
    /// Only if this is still its version.
    pub version: Option<i64>,
}

/// Creates a project.
pub async fn create(
    db: &Db,
    organisation: OrganisationId,
    name: &str,
    limits: &Limits,
    models: Option<&[String]>,
    act: impl Into<Act>,
) -> Result<Project, StoreError> {
    let (id, act) = (ProjectId::new(), act.into());
    let now = act.at;
    let mut tx = db.begin_as(&act).await?;
    idempotency::note(&mut tx, &act, id.0).await?;
    let exists: bool = with_tx!(&mut tx, |c| {
        sqlx::query_scalar(ORGANISATION)
            .bind(organisation)
            .fetch_one(c)
            .await
    })?;
    if !exists {
        return Err(StoreError::NotFound);
    }
    with_tx!(&mut tx, |c| {
        let insert = sqlx::query(INSERT).bind(id).bind(organisation).bind(name);
        let insert = insert
            .bind(Json(limits))
            .bind(models.map(Json))
            .bind(false)
            .bind(now);
        insert.execute(c).await.map(|_| ())
    })?;
    finish(tx, organisation, id, "project.create", None, &act).await
}

/// The project of this organisation with this id or, failing that, this name.
pub async fn find(
    db: &Db,
    organisation: OrganisationId,
    name_or_id: &str,
) -> Result<Option<Project>, StoreError> {
    if let Ok(id) = name_or_id.parse::<Uuid>() {
        let found = find_by_id(db, organisation, ProjectId(id)).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(BY_NAME)
            .bind(organisation)
            .bind(name_or_id)
            .fetch_optional(pool)
            .await
    })?)
}

/// The project of this organisation with this id.
pub async fn find_by_id(
    db: &Db,
    organisation: OrganisationId,
    id: ProjectId,
) -> Result<Option<Project>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let find = sqlx::query_as(BY_ID).bind(organisation).bind(id);
        find.fetch_optional(pool).await
    })?)
}

/// Where keys of this organisation go that name no project.
pub async fn find_default(
    db: &Db,
    organisation: OrganisationId,
) -> Result<Option<Project>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let find = sqlx::query_as(DEFAULT).bind(organisation);
        find.fetch_optional(pool).await
    })?)
}

/// All projects of an organisation by name.
pub async fn list(db: &Db, organisation: OrganisationId) -> Result<Vec<Project>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(ALL).bind(organisation).fetch_all(pool).await
    })?)
}

pub(super) async fn insert_default(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let none: Option<Json<Vec<String>>> = None;
    with_tx!(tx, |c| {
        let insert = sqlx::query(INSERT)
            .bind(ProjectId::new())
            .bind(organisation)
            .bind("Default");
        let insert = insert
            .bind(Json(Limits::default()))
            .bind(none)
            .bind(true)
            .bind(now);
        insert.execute(c).await.map(|_| ())
    })?;
    Ok(())
}

/// The project that a new or moved key goes to: `wanted`, else the default one. Its row stays locked
/// until the transaction ends, so that it cannot be deleted meanwhile.
pub(super) async fn receive_key(
    tx: &mut Tx,
    organisation: OrganisationId,
    wanted: Option<ProjectId>,
    now: Timestamp,
) -> Result<ProjectId, StoreError> {
    let id = match wanted {
        Some(id) => id,
        None => default_of(tx, organisation).await?,
    };
    Ok(lock(tx, organisation, id, now).await?.id)
}

async fn default_of(tx: &mut Tx, organisation: OrganisationId) -> Result<ProjectId, StoreError> {
    let project: Project = with_tx!(tx, |c| {
        sqlx::query_as(DEFAULT)
            .bind(organisation)
            .fetch_one(c)
            .await
    })?;
    Ok(project.id)
}

/// Takes the row's write lock by writing to it, which both engines understand.
async fn lock(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: ProjectId,
    now: Timestamp,
) -> Result<Project, StoreError> {
    with_tx!(tx, |c| {
        let lock = sqlx::query(LOCK).bind(organisation).bind(id).bind(now);
        lock.execute(c).await.map(|_| ())
    })?;
    get(tx, organisation, id).await
}

async fn get(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: ProjectId,
) -> Result<Project, StoreError> {
    Ok(with_tx!(tx, |c| {
        sqlx::query_as(BY_ID)
            .bind(organisation)
            .bind(id)
            .fetch_one(c)
            .await
    })?)
}

async fn finish(
    mut tx: Tx,
    organisation: OrganisationId,
    id: ProjectId,
    action: &'static str,
    before: Option<Value>,
    act: &Act,
) -> Result<Project, StoreError> {
    let project = get(&mut tx, organisation, id).await?;
    let entry = audit::Entry {
        organisation: Some(organisation),
        action,
        subject: id.0,
        name: &project.name,
        before,
        after: audit::image(&project),
    };
    audit::append(&mut tx, act, entry).await?;
    changes::append(&mut tx, ChangeKind::Project, id.0, act.at).await?;
    tx.commit().await?;
    Ok(project)
}
