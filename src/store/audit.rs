//! The audit log: every change, in the transaction that made it. Rows are only ever added; the
//! database itself refuses to change them.

use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::transaction::Tx;
use super::{Db, StoreError};
use crate::domain::audit::Act;
use crate::domain::tenant::OrganisationId;
use crate::domain::time::Timestamp;

const INSERT: &str = "INSERT INTO audit (id, at, organisation_id, author_kind, author_id, author_name,
    action, subject_kind, subject_id, subject_name, before_change, after_change, address, request_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const SELECT: &str = "SELECT id, at, author_kind, author_id, author_name, action, subject_kind,
        subject_id, subject_name, before_change, after_change, address, request_id
    FROM audit WHERE ";
/// As the index says it: what concerns no organisation, and organisations as wholes.
const OF_INSTALLATION: &str = "(organisation_id IS NULL OR subject_kind = 'organisation')";

pub(super) const STATEMENTS: &[&str] = &[INSERT];

/// Which changes; all unless it says otherwise.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only those of this action, such as `key.update`.
    pub action: Option<String>,
    /// Only those made by this user or token.
    pub author: Option<Uuid>,
    /// Only those made to this.
    pub subject: Option<Uuid>,
    /// Only those before this change, by its id.
    pub before: Option<Uuid>,
}

/// A change as it is written down.
pub(super) struct Entry<'a> {
    /// Whose; none for what concerns the installation.
    pub organisation: Option<OrganisationId>,
    /// What was done, such as `key.update`.
    pub action: &'static str,
    /// What it was done to: its kind is the action's first word. Nil for what is not there.
    pub subject: Uuid,
    /// What people call that.
    pub name: &'a str,
    /// How it was, without secrets.
    pub before: Option<Value>,
    /// How it is, without secrets.
    pub after: Option<Value>,
}

/// A change as it is read.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct AuditRow {
    /// Ordered by time.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// `user`, `token`, `command_line`, `bearer` or `stranger`.
    pub author_kind: String,
    /// Which user or token.
    pub author_id: Option<Uuid>,
    /// Their e-mail address or name at that time.
    pub author_name: String,
    /// Such as `key.update`.
    pub action: String,
    /// Such as `key`.
    pub subject_kind: String,
    /// Which one.
    pub subject_id: Option<Uuid>,
    /// Its name at that time.
    pub subject_name: String,
    /// What changed, as it was.
    #[sqlx(json(nullable))]
    pub before_change: Option<Value>,
    /// What changed, as it is.
    #[sqlx(json(nullable))]
    pub after_change: Option<Value>,
    /// From where.
    pub address: Option<String>,
    /// The `x-request-id` it was asked with.
    pub request_id: Option<Uuid>,
}

/// The changes of an organisation, or of the installation, that `query` means, newest first, at most
/// `limit`.
pub async fn list(
    db: &Db,
    organisation: impl Into<Option<OrganisationId>>,
    query: &AuditQuery,
    limit: i64,
) -> Result<Vec<AuditRow>, StoreError> {
    let organisation = organisation.into();
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(SELECT);
        match organisation {
            Some(organisation) => sql.push("organisation_id = ").push_bind(organisation),
            None => sql.push(OF_INSTALLATION),
        };
        if let Some(action) = &query.action {
            sql.push(" AND action = ").push_bind(action.clone());
        }
        if let Some(author) = query.author {
            sql.push(" AND author_id = ").push_bind(author);
        }
        if let Some(subject) = query.subject {
            sql.push(" AND subject_id = ").push_bind(subject);
        }
        if let Some(before) = query.before {
            sql.push(" AND id < ").push_bind(before);
        }
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        sql.build_query_as().fetch_all(pool).await
    })?)
}

/// Writes a change down, in the transaction that makes it.
pub(super) async fn append(tx: &mut Tx, act: &Act, entry: Entry<'_>) -> Result<(), StoreError> {
    let kind = entry.action.split('.').next().unwrap_or_default();
    let (before, after) = changed(entry.before, entry.after);
    with_tx!(tx, |c| {
        let insert = sqlx::query(INSERT).bind(Uuid::now_v7()).bind(act.at);
        let insert = insert.bind(entry.organisation).bind(act.author.kind());
        let insert = insert.bind(act.author.id()).bind(act.author.name());
        let subject = Some(entry.subject).filter(|id| !id.is_nil());
        let insert = insert.bind(entry.action).bind(kind).bind(subject);
        let insert = insert.bind(entry.name).bind(before.map(Json));
        let insert = insert.bind(after.map(Json));
        let insert = insert.bind(act.address.map(|address| address.to_string()));
        insert.bind(act.request).execute(c).await.map(|_| ())
    })?;
    Ok(())
}

/// What is written down of a thing: it must hold no secret.
pub(super) fn image(thing: &impl Serialize) -> Option<Value> {
    serde_json::to_value(thing).ok()
}

/// Of a change only the fields that differ are kept.
fn changed(before: Option<Value>, after: Option<Value>) -> (Option<Value>, Option<Value>) {
    let (Some(Value::Object(before)), Some(Value::Object(after))) = (&before, &after) else {
        return (before, after);
    };
    let differing = |from: &Map<String, Value>, to: &Map<String, Value>| {
        let fields = from
            .iter()
            .filter(|(name, value)| to.get(*name) != Some(value));
        let fields = fields.map(|(name, value)| (name.clone(), value.clone()));
        Some(Value::Object(fields.collect()))
    };
    (differing(before, after), differing(after, before))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changed;

    #[test]
    fn only_what_differs_is_kept_of_a_change() {
        let before = json!({"name": "a", "models": null, "version": 1});
        let after = json!({"name": "b", "models": null, "version": 2});
        let expected = (
            Some(json!({"name": "a", "version": 1})),
            Some(json!({"name": "b", "version": 2})),
        );
        assert_eq!(changed(Some(before), Some(after)), expected);
        let made = json!({"name": "a"});
        assert_eq!(changed(None, Some(made.clone())), (None, Some(made)));
    }
}
