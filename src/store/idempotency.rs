//! Creations under a name of the caller's own: asking twice makes one thing. The name is written in the
//! transaction that makes the thing, and forgotten after a day.

use std::time::Duration;

use sqlx::FromRow;
use uuid::Uuid;

use super::transaction::Tx;
use super::{Db, StoreError};
use crate::domain::audit::Act;
use crate::domain::time::Timestamp;

const LIFE: Duration = Duration::from_hours(24);

const FIND: &str = "SELECT request, subject_id FROM idempotency
    WHERE author_id = $1 AND name = $2 AND created_at > $3";
const FORGET: &str = "DELETE FROM idempotency WHERE author_id = $1 AND created_at <= $2";
const INSERT: &str = "INSERT INTO idempotency (author_id, name, request, subject_id, created_at)
    VALUES ($1, $2, $3, $4, $5)";

pub(super) const STATEMENTS: &[&str] = &[FIND, FORGET, INSERT];

/// What was made under a name.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Made {
    /// SHA-256 of what was asked.
    pub request: Vec<u8>,
    /// What came of it.
    pub subject_id: Uuid,
}

/// What `author` made under `name` lately.
pub async fn find(
    db: &Db,
    author: Uuid,
    name: &str,
    now: Timestamp,
) -> Result<Option<Made>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let find = sqlx::query_as(FIND).bind(author).bind(name);
        find.bind(now.minus(LIFE)).fetch_optional(pool).await
    })?)
}

/// Writes down that `act` makes `subject` under the name that it was asked with, if there is one.
/// Waits for whoever makes something under it at this moment, and fails if they did.
pub(super) async fn note(tx: &mut Tx, act: &Act, subject: Uuid) -> Result<(), StoreError> {
    let (Some(once), Some(author)) = (&act.once, act.author.id()) else {
        return Ok(());
    };
    with_tx!(&mut *tx, |c| {
        let forget = sqlx::query(FORGET).bind(author);
        let forget = forget.bind(act.at.minus(LIFE)).execute(c).await;
        forget.map(|_| ())
    })?;
    with_tx!(tx, |c| {
        let insert = sqlx::query(INSERT).bind(author).bind(&once.name);
        let insert = insert.bind(once.request.to_vec()).bind(subject);
        insert.bind(act.at).execute(c).await.map(|_| ())
    })?;
    Ok(())
}
