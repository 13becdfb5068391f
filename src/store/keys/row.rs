//! A key as the join of its tables answers it.

use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Key, PreviousSecret};
use crate::domain::limits::Limits;
use crate::domain::tenant::{KeyId, KeyStatus, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::error::Cause;

#[derive(FromRow)]
pub(super) struct KeyRow {
    id: KeyId,
    organisation_id: OrganisationId,
    project_id: ProjectId,
    owner_id: Option<Uuid>,
    created_by: String,
    name: String,
    status: KeyStatus,
    #[sqlx(json(nullable))]
    models: Option<Vec<String>>,
    #[sqlx(json)]
    limits: Limits,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    version: i64,
    display: String,
    previous_display: Option<String>,
    previous_until: Option<Timestamp>,
    previous_calls: Option<i64>,
}

/// A value that may be missing, as a JSON column.
pub(super) fn json<T>(value: Option<&T>) -> Option<Json<&T>> {
    value.map(Json)
}

/// What a key is searched by.
pub(super) fn search(name: &str, display: &str) -> String {
    format!("{name} {display}").to_lowercase()
}

/// The row, or nothing but a line in the log.
pub(super) fn readable<R>(row: Result<R, sqlx::Error>) -> Option<R> {
    match row {
        Ok(row) => Some(row),
        Err(error) => {
            let cause = Cause::new(&error);
            tracing::error!(error = %cause, "a key is left out because its row cannot be read");
            None
        }
    }
}

impl From<KeyRow> for Key {
    fn from(row: KeyRow) -> Self {
        let previous = row.previous_display.zip(row.previous_until);
        let previous = previous.map(|(display, grace_until)| PreviousSecret {
            display,
            grace_until,
            calls: row.previous_calls.unwrap_or_default(),
        });
        Self {
            id: row.id,
            organisation_id: row.organisation_id,
            project_id: row.project_id,
            owner_id: row.owner_id,
            created_by: row.created_by,
            name: row.name,
            status: row.status,
            models: row.models,
            limits: row.limits,
            expires_at: row.expires_at,
            created_at: row.created_at,
            version: row.version,
            display: row.display,
            previous,
        }
    }
}
