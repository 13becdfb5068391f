//! Links that work once: to set up the first operator, to sign in, to choose a new password.

use super::StoreError;
use super::transaction::Tx;
use crate::domain::key::SecretHash;
use crate::domain::tenant::UserId;
use crate::domain::time::Timestamp;

const INSERT: &str = "INSERT INTO links (hash, purpose, user_id, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5)";
const TAKE: &str = "DELETE FROM links WHERE hash = $1 AND purpose = $2 AND expires_at > $3
    RETURNING user_id";
const END_ALL: &str = "DELETE FROM links WHERE user_id = $1";

pub(super) const STATEMENTS: &[&str] = &[INSERT, TAKE, END_ALL];

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Creates the first operator.
    SetUp,
    /// Signs a user in.
    SignIn,
    /// Lets a user choose a password.
    Reset,
}

pub(super) async fn insert(
    tx: &mut Tx,
    hash: SecretHash,
    purpose: Purpose,
    user: Option<UserId>,
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    with_tx!(tx, |c| {
        let insert = sqlx::query(INSERT).bind(hash).bind(purpose).bind(user);
        insert
            .bind(now)
            .bind(expires_at)
            .execute(c)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// Uses a link up; whose it was. None if there is no such link any more.
pub(super) async fn take(
    tx: &mut Tx,
    hash: SecretHash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<Option<UserId>>, StoreError> {
    Ok(with_tx!(tx, |c| {
        let take = sqlx::query_scalar(TAKE).bind(hash).bind(purpose).bind(now);
        take.fetch_optional(c).await
    })?)
}

/// Ends all links of a user.
pub(super) async fn end_all(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    with_tx!(tx, |c| sqlx::query(END_ALL)
        .bind(user)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}
