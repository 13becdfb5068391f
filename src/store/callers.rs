//! Who calls: everything the gateway needs to know about a secret, in one join.

use std::time::Duration;

use sqlx::FromRow;

use super::{Db, StoreError};
use crate::domain::key::SecretHash;
use crate::domain::limits::Limits;
use crate::domain::tenant::{KeyId, KeyStatus, OrganisationId, OrganisationStatus, ProjectId};
use crate::domain::time::Timestamp;

/// How long a call waits for its caller: a database that hangs counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

const BY_SECRET: &str = "SELECT s.hash AS secret, s.grace_until,
        o.id AS organisation_id, o.status AS organisation_status,
        o.limits AS organisation_limits, o.models AS organisation_models,
        p.id AS project_id, p.limits AS project_limits, p.models AS project_models,
        k.id AS key_id, k.name AS key_name, k.status AS key_status,
        k.expires_at AS key_expires_at, k.limits AS key_limits, k.models AS key_models
    FROM key_secrets s
    JOIN keys k ON k.id = s.key_id
    JOIN projects p ON p.id = k.project_id
    JOIN organisations o ON o.id = k.organisation_id
    WHERE s.hash = $1 AND k.deleted_at IS NULL AND o.deleted_at IS NULL";

pub(super) const STATEMENTS: &[&str] = &[BY_SECRET];

/// The owner of a secret.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CallerRow {
    /// The tenant.
    #[sqlx(flatten)]
    pub organisation: CallerOrganisation,
    /// The key's project.
    #[sqlx(flatten)]
    pub project: CallerProject,
    /// The key.
    #[sqlx(flatten)]
    pub key: CallerKey,
    /// Until when this secret works, if it was rotated away.
    pub grace_until: Option<Timestamp>,
    /// The secret asked for.
    pub secret: SecretHash,
}

/// What a call needs of its organisation.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CallerOrganisation {
    /// Which one.
    #[sqlx(rename = "organisation_id")]
    pub id: OrganisationId,
    /// Whether its keys may call.
    #[sqlx(rename = "organisation_status")]
    pub status: OrganisationStatus,
    /// What all its keys together may use.
    #[sqlx(rename = "organisation_limits", json)]
    pub limits: Limits,
    /// The models its keys may call; `None` for all.
    #[sqlx(rename = "organisation_models", json(nullable))]
    pub models: Option<Vec<String>>,
}

/// What a call needs of its project.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CallerProject {
    /// Which one.
    #[sqlx(rename = "project_id")]
    pub id: ProjectId,
    /// What all its keys together may use.
    #[sqlx(rename = "project_limits", json)]
    pub limits: Limits,
    /// The models its keys may call; `None` for all.
    #[sqlx(rename = "project_models", json(nullable))]
    pub models: Option<Vec<String>>,
}

/// What a call needs of its key.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CallerKey {
    /// Which one.
    #[sqlx(rename = "key_id")]
    pub id: KeyId,
    /// For logs.
    #[sqlx(rename = "key_name")]
    pub name: String,
    /// Whether it may call.
    #[sqlx(rename = "key_status")]
    pub status: KeyStatus,
    /// When it stops working.
    #[sqlx(rename = "key_expires_at")]
    pub expires_at: Option<Timestamp>,
    /// What it may use.
    #[sqlx(rename = "key_limits", json)]
    pub limits: Limits,
    /// The models it may call; `None` for all.
    #[sqlx(rename = "key_models", json(nullable))]
    pub models: Option<Vec<String>>,
}

/// The caller that `secret` belongs to. Whether it may call now is not decided here: status, expiry
/// and grace are answered as they are.
pub async fn find_by_secret(db: &Db, secret: &SecretHash) -> Result<Option<CallerRow>, StoreError> {
    let find = async {
        with_pool!(db, |pool| {
            let find = sqlx::query_as(BY_SECRET).bind(*secret);
            find.fetch_optional(pool).await
        })
    };
    let found = tokio::time::timeout(PATIENCE, find).await;
    Ok(found.map_err(|late| StoreError::unavailable(&late))??)
}
