//! From where people signed in before: somebody else who guesses at their password from elsewhere
//! does not keep them out.

use std::time::Duration;

use super::transaction::Tx;
use super::{Db, StoreError};
use crate::domain::tenant::UserId;
use crate::domain::time::Timestamp;

/// For how long an address is known.
const LIFE: Duration = Duration::from_hours(90 * 24);

const NOTE: &str = "INSERT INTO known_addresses (user_id, address, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (user_id, address) DO UPDATE SET seen_at = $3";
const SEEN: &str = "SELECT seen_at FROM known_addresses WHERE user_id = $1 AND address = $2";
const FORGET: &str = "DELETE FROM known_addresses WHERE user_id = $1 AND seen_at <= $2";
const IS_KNOWN: &str = "SELECT COUNT(*) > 0 FROM known_addresses k JOIN users u ON u.id = k.user_id
    WHERE u.email = $1 AND k.address = $2 AND k.seen_at > $3";

pub(super) const STATEMENTS: &[&str] = &[NOTE, SEEN, FORGET, IS_KNOWN];

/// Whether the user with this e-mail address, in lower case, signed in from there before. Costs the
/// same where there is no such user.
pub async fn is_known(
    db: &Db,
    email: &str,
    address: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(with_pool!(db, |pool| {
        let is_known = sqlx::query_scalar(IS_KNOWN).bind(email).bind(address);
        is_known.bind(now.minus(LIFE)).fetch_one(pool).await
    })?)
}

/// Remembers an address and forgets old ones. Answers when the user was seen there last.
pub(super) async fn note(
    tx: &mut Tx,
    user: UserId,
    address: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let seen = with_tx!(&mut *tx, |c| {
        let seen = sqlx::query_scalar(SEEN).bind(user).bind(address);
        seen.fetch_optional(c).await
    })?;
    with_tx!(&mut *tx, |c| {
        let note = sqlx::query(NOTE).bind(user).bind(address).bind(now);
        note.execute(c).await.map(|_| ())
    })?;
    with_tx!(tx, |c| {
        let forget = sqlx::query(FORGET).bind(user).bind(now.minus(LIFE));
        forget.execute(c).await.map(|_| ())
    })?;
    Ok(seen)
}
