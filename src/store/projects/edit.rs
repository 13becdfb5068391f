//! Changes of projects. Each locks the project's row first.

use sqlx::types::Json;

use super::{Project, ProjectPatch, finish, lock};
use crate::domain::audit::Act;
use crate::domain::tenant::{OrganisationId, ProjectId, ScopeId};
use crate::store::changes::{self, ChangeKind};
use crate::store::{Db, StoreError, audit, budgets};

pub(in crate::store) const UPDATE: &str = "UPDATE projects SET name = $3, limits = $4, models = $5,
    version = version + 1
    WHERE organisation_id = $1 AND id = $2";
pub(in crate::store) const DELETE: &str =
    "UPDATE projects SET deleted_at = $3 WHERE organisation_id = $1 AND id = $2";
pub(in crate::store) const HAS_KEYS: &str =
    "SELECT COUNT(*) > 0 FROM keys WHERE project_id = $1 AND deleted_at IS NULL";

/// Applies `patch`.
pub async fn update(
    db: &Db,
    organisation: OrganisationId,
    id: ProjectId,
    patch: ProjectPatch,
    act: impl Into<Act>,
) -> Result<Project, StoreError> {
    let act = act.into();
    let now = act.at;
    let mut tx = db.begin_as(&act).await?;
    let old = lock(&mut tx, organisation, id, now).await?;
    if patch.version.is_some_and(|version| version != old.version) {
        return Err(StoreError::VersionConflict);
    }
    let before = audit::image(&old);
    let limits = patch.limits.map(|change| change.apply(&old.limits));
    let limits = limits.transpose()?;
    if let Some(limits) = &limits {
        budgets::set_amounts(&mut tx, ScopeId::Project(id), limits, now).await?;
    }
    let name = patch.name.unwrap_or(old.name);
    let limits = limits.unwrap_or(old.limits);
    let models = patch.models.unwrap_or(old.models);
    with_tx!(&mut tx, |c| {
        let update = sqlx::query(UPDATE).bind(organisation).bind(id).bind(name);
        let update = update.bind(Json(limits)).bind(models.map(Json));
        update.execute(c).await.map(|_| ())
    })?;
    finish(tx, organisation, id, "project.update", before, &act).await
}

/// Deletes a project that has no keys left, only if it still has this `version` where one is named.
pub async fn delete(
    db: &Db,
    organisation: OrganisationId,
    id: ProjectId,
    version: Option<i64>,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let act = act.into();
    let now = act.at;
    let mut tx = db.begin_as(&act).await?;
    // With the row locked, no key can enter the project unseen.
    let project = lock(&mut tx, organisation, id, now).await?;
    if version.is_some_and(|version| version != project.version) {
        return Err(StoreError::VersionConflict);
    }
    if project.is_default {
        let what = "the default project cannot be deleted";
        return Err(StoreError::Conflict { what });
    }
    if with_tx!(&mut tx, |c| sqlx::query_scalar(HAS_KEYS)
        .bind(id)
        .fetch_one(c)
        .await)?
    {
        let what = "the project still has keys; delete or move them first";
        return Err(StoreError::Conflict { what });
    }
    with_tx!(&mut tx, |c| {
        let delete = sqlx::query(DELETE).bind(organisation).bind(id).bind(now);
        delete.execute(c).await.map(|_| ())
    })?;
    let entry = audit::Entry {
        organisation: Some(organisation),
        action: "project.delete",
        subject: id.0,
        name: &project.name,
        before: audit::image(&project),
        after: None,
    };
    audit::append(&mut tx, &act, entry).await?;
    changes::append(&mut tx, ChangeKind::Project, id.0, now).await?;
    tx.commit().await
}
