//! What changed, in the order it was committed: processes follow this list to drop what they have
//! cached. Numbers come from one row that is locked last, so that a follower never skips one.

use sqlx::FromRow;
use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::transaction::Tx;
use super::{Db, StoreError};
use crate::domain::time::Timestamp;

const HEAD: &str = "SELECT n FROM changes_head";
const SINCE: &str = "SELECT id, kind, subject, at FROM changes WHERE id > $1 ORDER BY id";
const NEXT: &str = "UPDATE changes_head SET n = n + 1 RETURNING n";
const APPEND: &str = "INSERT INTO changes (id, kind, subject, at) VALUES ($1, $2, $3, $4)";
const CHANNEL: &str = "tollgate_changes";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";

pub(super) const STATEMENTS: &[&str] = &[HEAD, SINCE, NEXT, APPEND];

/// One committed write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Change {
    /// Its place in the order.
    pub id: i64,
    /// What kind of thing was written.
    pub kind: ChangeKind,
    /// Which one.
    pub subject: Uuid,
    /// When; with all of this, two changes of one number are told apart.
    pub at: Timestamp,
}

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// An organisation, which concerns all its keys.
    Organisation,
    /// A project, which concerns all its keys.
    Project,
    /// A key.
    Key,
    /// A budget, whose idle room others wait for.
    Recall,
}

/// Postgres' notifications of changes.
pub struct Listener(PgListener);

impl Listener {
    /// Returns when something changed, and after every reconnection, which may have missed some.
    pub async fn recv(&mut self) -> Result<(), StoreError> {
        self.0.try_recv().await?;
        Ok(())
    }
}

/// The number of the latest change.
pub async fn head(db: &Db) -> Result<i64, StoreError> {
    Ok(with_pool!(db, |pool| sqlx::query_scalar(HEAD)
        .fetch_one(pool)
        .await)?)
}

/// The changes after number `n`, in order.
pub async fn since(db: &Db, n: i64) -> Result<Vec<Change>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(SINCE).bind(n).fetch_all(pool).await
    })?)
}

/// Notifications, where the engine has them.
pub async fn listen(db: &Db) -> Result<Option<Listener>, StoreError> {
    let Db::Postgres(pool) = db else {
        return Ok(None);
    };
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(Some(Listener(listener)))
}

/// Appends a change. The last thing a transaction does before it commits.
pub(super) async fn append(
    tx: &mut Tx,
    kind: ChangeKind,
    subject: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    let n: i64 = with_tx!(tx, |c| sqlx::query_scalar(NEXT).fetch_one(c).await)?;
    with_tx!(tx, |c| {
        let append = sqlx::query(APPEND)
            .bind(n)
            .bind(kind)
            .bind(subject)
            .bind(now);
        append.execute(c).await.map(|_| ())
    })?;
    if let Tx::Postgres(tx) = tx {
        let notify = sqlx::query(NOTIFY).bind(CHANNEL).bind(n.to_string());
        notify.execute(&mut **tx).await?;
    }
    Ok(())
}
