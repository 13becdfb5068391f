//! Letting go of what is old, a little at a time: each step is a short transaction, and any process
//! may do it beside others. The sums of the hours stay for ever.

use std::time::Duration;

use super::{Db, StoreError};
use crate::domain::time::Timestamp;

mod calls;

pub use calls::{Pruned, prune_calls};

/// Rows that one transaction deletes.
const BATCH: i64 = 500;

/// Followers look every second; one that slept longer than this starts anew.
const CHANGES: Duration = Duration::from_hours(24);

/// How long a creation may be asked for again under the same name.
const CREATIONS: Duration = Duration::from_hours(24);

/// What ended on its own stays so long, for whoever wonders.
const ENDED: Duration = Duration::from_hours(30 * 24);

const AUDIT: &str = "DELETE FROM audit WHERE id IN
    (SELECT id FROM audit WHERE at < $1 ORDER BY id LIMIT $2)";
/// The newest stays, so that whoever has not seen what went before it can tell.
const KEPT_CHANGES: &str = "DELETE FROM changes WHERE id IN
    (SELECT id FROM changes WHERE at < $1 AND id < (SELECT n FROM changes_head)
        ORDER BY id LIMIT $2)";
const SESSIONS: &str = "DELETE FROM sessions WHERE id IN
    (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY id LIMIT $2)";
const LINKS: &str = "DELETE FROM links WHERE hash IN
    (SELECT hash FROM links WHERE expires_at < $1 ORDER BY hash LIMIT $2)";
const INVITATIONS: &str = "DELETE FROM invitations WHERE id IN
    (SELECT id FROM invitations WHERE expires_at < $1 ORDER BY id LIMIT $2)";
const NAMED_CREATIONS: &str = "DELETE FROM idempotency WHERE (author_id, name) IN
    (SELECT author_id, name FROM idempotency WHERE created_at < $1 LIMIT $2)";
/// One whose charge may still be claimed stays.
const LEASES: &str = "DELETE FROM leases WHERE id IN
    (SELECT id FROM leases WHERE state = 'closed' AND unclaimed = 0 AND expires_at < $1
        ORDER BY id LIMIT $2)";

pub(super) const STATEMENTS: &[&str] = &[
    AUDIT,
    KEPT_CHANGES,
    SESSIONS,
    LINKS,
    INVITATIONS,
    NAMED_CREATIONS,
    LEASES,
    calls::ORGANISATIONS,
    calls::DELETE,
    calls::KINDS,
    calls::NOTE,
    calls::PRUNED,
];

/// Deletes some of what is older than its kind is kept, the audit log's rows before `audit`. Answers
/// how many rows went; none are left once it is none.
pub async fn prune_records(db: &Db, audit: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let kinds = [
        (AUDIT, audit),
        (KEPT_CHANGES, now.minus(CHANGES)),
        (SESSIONS, now),
        (LINKS, now),
        (INVITATIONS, now.minus(ENDED)),
        (NAMED_CREATIONS, now.minus(CREATIONS)),
        (LEASES, now.minus(ENDED)),
    ];
    let mut gone = 0;
    for (sql, before) in kinds {
        gone += delete(db, sql, before).await?;
    }
    Ok(gone)
}

async fn delete(db: &Db, sql: &'static str, before: Timestamp) -> Result<u64, StoreError> {
    let mut tx = db.begin().await?;
    let gone = with_tx!(&mut tx, |c| {
        let delete = sqlx::query(sql).bind(before).bind(BATCH);
        delete.execute(c).await.map(|done| done.rows_affected())
    })?;
    tx.commit().await?;
    Ok(gone)
}
