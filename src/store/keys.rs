//! API keys and their secrets. A key owns at most two secrets: the newest, and the one before it
//! until its grace ends. Deleting a key removes its secrets and hides it; its usage stays.

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use super::{Db, StoreError};
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::tenant::{KeyId, KeyStatus, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;

/// What every query of keys begins with; `$uses` says what else it reads.
macro_rules! select {
    ($more:literal, $uses:literal, $rest:literal) => {
        concat!(
            "SELECT k.id, k.organisation_id, k.project_id, k.owner_id, k.created_by, k.name,
                 k.status, k.models, k.limits, k.expires_at, k.created_at, k.version, newest.display,
                 previous.display AS previous_display, previous.grace_until AS previous_until,
                 previous.calls AS previous_calls",
            $more,
            " FROM keys k
             JOIN key_secrets newest ON newest.key_id = k.id AND newest.grace_until IS NULL
             LEFT JOIN key_secrets previous
                 ON previous.key_id = k.id AND previous.grace_until IS NOT NULL ",
            $uses,
            " WHERE k.deleted_at IS NULL ",
            $rest
        )
    };
    ($rest:literal) => {
        select!("", "", $rest)
    };
}

mod bulk;
mod course;
mod create;
mod edit;
mod leak;
mod named;
mod near;
mod owners;
mod page;
mod row;
mod secrets;
mod standing;
pub mod uses;

pub use bulk::{Outcome, bulk};
pub use course::{counts, counts_of, ids_behind, requests_by_day};
pub use create::create;
pub use edit::{delete, rotate, update};
pub use leak::revoke_leaked;
pub use named::Named;
pub use near::near_quota;
pub(super) use owners::disable_of;
pub use page::{Finding, Mark, MarkValue, PageQuery, Sort, page};
pub use standing::{KeyStanding, standings};

use row::KeyRow;

const BY_ID: &str = select!("AND k.id = $1");
const IN_ORGANISATION: &str = select!("AND k.organisation_id = $1 AND k.id = $2");
const ALL: &str = select!("AND k.organisation_id = $1 ORDER BY k.created_at, k.id");

pub(super) const STATEMENTS: &[&str] = &[
    create::INSERT,
    named::LOCK,
    edit::UPDATE,
    edit::DELETE,
    edit::ROTATED,
    edit::NAME,
    leak::OF_SECRET,
    owners::ACTIVE,
    uses::INSERT,
    uses::DUE,
    course::COUNTS,
    course::IDS,
    BY_ID,
    IN_ORGANISATION,
    ALL,
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
    /// Who made it: their e-mail address or name at that time.
    pub created_by: String,
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
}

/// The keys of an organisation, oldest first. One that cannot be read is left out and logged, so that
/// it does not hide the others.
pub async fn list(db: &Db, organisation: OrganisationId) -> Result<Vec<Key>, StoreError> {
    let rows: Vec<_> = with_pool!(db, |pool| {
        let rows = sqlx::query(ALL).bind(organisation).fetch_all(pool).await?;
        rows.iter().map(KeyRow::from_row).collect()
    });
    let rows = rows.into_iter().filter_map(row::readable);
    Ok(rows.map(Key::from).collect())
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
