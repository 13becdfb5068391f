//! The audit log: who changed what, for admins; and what concerns the installation, for operators.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Access, Faults, Management, Problem, Signed, cursor};
use crate::domain::tenant::OrganisationId;
use crate::domain::time::Timestamp;
use crate::store::audit::{self, AuditRow};

/// Which changes, and how many; all unless it says otherwise.
#[derive(Clone, Debug, Default)]
pub struct AuditSearch {
    /// Only those of this action, such as `key.update`.
    pub action: Option<String>,
    /// Only those made by this user or token.
    pub author: Option<Uuid>,
    /// Only those made to this.
    pub subject: Option<Uuid>,
    /// The cursor of the page before.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A page of changes, newest first.
#[derive(Debug, Default)]
pub struct AuditList {
    /// What is on it.
    pub changes: Vec<ChangeView>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// A change.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Change)]
pub struct ChangeView {
    /// Ordered by time.
    pub id: Uuid,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who made it.
    pub author: AuthorView,
    /// What was done, such as `key.update`.
    pub action: String,
    /// To what.
    pub subject: SubjectView,
    /// What changed, as it was; null for what was made.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// What changed, as it is; null for what is gone.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    /// The address it was asked from.
    pub address: Option<String>,
    /// The `x-request-id` it was asked with.
    pub request_id: Option<Uuid>,
}

/// Who made a change.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ChangeAuthor)]
pub struct AuthorView {
    /// `user`, `token`, `command_line`, `bearer` (who holds a link or a leaked key) or `stranger` (who
    /// did not prove who they are).
    pub kind: String,
    /// Which user or token.
    pub id: Option<Uuid>,
    /// Their e-mail address or name at that time.
    pub name: String,
}

/// What was changed.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ChangeSubject)]
pub struct SubjectView {
    /// Such as `key`.
    pub kind: String,
    /// Which one.
    pub id: Option<Uuid>,
    /// Its name at that time.
    pub name: String,
}

impl Management {
    /// A page of the changes of an organisation.
    pub async fn audit(&self, access: &Access, search: AuditSearch) -> Result<AuditList, Problem> {
        self.changes(Some(access.organisation()), search).await
    }

    /// A page of what concerns the installation: people, sign-ins, operators' tokens, and
    /// organisations as wholes.
    pub async fn installation_audit(
        &self,
        signed: &Signed,
        search: AuditSearch,
    ) -> Result<AuditList, Problem> {
        self.operator(signed)?;
        self.changes(None, search).await
    }

    async fn changes(
        &self,
        organisation: Option<OrganisationId>,
        search: AuditSearch,
    ) -> Result<AuditList, Problem> {
        let mut faults = Faults::default();
        let before = cursor::read(search.cursor.as_deref(), &mut faults);
        if search
            .action
            .as_deref()
            .is_some_and(|text| text.contains('\0'))
        {
            faults.add("action", "is no text");
        }
        faults.check()?;
        let query = audit::AuditQuery {
            action: search.action,
            author: search.author,
            subject: search.subject,
            before,
        };
        let more = i64::try_from(search.limit.saturating_add(1)).unwrap_or(i64::MAX);
        let mut rows = audit::list(&self.db, organisation, &query, more).await?;
        let is_last = rows.len() <= search.limit;
        rows.truncate(search.limit);
        let last = rows.last().filter(|_| !is_last);
        Ok(AuditList {
            next: last.map(|row| cursor::write(&row.id)),
            changes: rows.into_iter().map(ChangeView::from).collect(),
        })
    }
}

impl From<AuditRow> for ChangeView {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            author: AuthorView {
                kind: row.author_kind,
                id: row.author_id,
                name: row.author_name,
            },
            action: row.action,
            subject: SubjectView {
                kind: row.subject_kind,
                id: row.subject_id,
                name: row.subject_name,
            },
            before: row.before_change,
            after: row.after_change,
            address: row.address,
            request_id: row.request_id,
        }
    }
}
