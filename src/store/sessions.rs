//! Sign-ins that last. The store is asked at every request, so that what ends a session ends it in
//! every process at once.

use std::time::Duration;

use sqlx::FromRow;

use super::transaction::Tx;
use super::users::{self, User};
use super::{Db, StoreError, known_addresses, sign_ins};
use crate::domain::audit::Act;
use crate::domain::key::SecretHash;
use crate::domain::tenant::{SessionId, UserId};
use crate::domain::time::Timestamp;

/// A session that is not used for so long has ended.
pub const IDLE: Duration = Duration::from_hours(12);

/// A session ends so long after its sign-in at the latest.
pub const LIFE: Duration = Duration::from_hours(7 * 24);

/// How exactly the last use is known.
const SEEN_EVERY: Duration = Duration::from_mins(1);

const INSERT: &str = "INSERT INTO sessions
    (id, hash, user_id, address, agent, created_at, seen_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $7)";
const LIVE: &str = "SELECT id, user_id, address, agent, created_at, seen_at, expires_at
    FROM sessions WHERE hash = $1 AND expires_at > $2 AND seen_at > $3";
const SEEN: &str = "UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at < $2";
const OF_USER: &str = "SELECT id, user_id, address, agent, created_at, seen_at, expires_at
    FROM sessions WHERE user_id = $1 AND expires_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, id";
const DEAD: &str =
    "DELETE FROM sessions WHERE user_id = $1 AND (expires_at <= $2 OR seen_at <= $3)";
const REPLACE: &str = "DELETE FROM sessions WHERE hash = $1";
const END: &str = "DELETE FROM sessions WHERE user_id = $1 AND id = $2";
const END_ALL: &str = "DELETE FROM sessions WHERE user_id = $1";

pub(super) const STATEMENTS: &[&str] = &[INSERT, LIVE, SEEN, OF_USER, DEAD, REPLACE, END, END_ALL];

/// A sign-in that lasts.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Session {
    /// For lists; the cookie holds another secret.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// From where it was begun.
    pub address: Option<String>,
    /// With which program.
    pub agent: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// What a new session is made of.
pub struct NewSession<'a> {
    /// Of the cookie's secret.
    pub hash: SecretHash,
    /// Whose. If they changed since they were read, it is refused.
    pub user: &'a User,
    /// From where.
    pub address: Option<&'a str>,
    /// With which program.
    pub agent: Option<&'a str>,
    /// The session that the same browser had before, which ends.
    pub replaces: Option<SecretHash>,
}

/// The live session with this secret. Its use is noted.
pub async fn find(
    db: &Db,
    hash: SecretHash,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    let found: Option<Session> = with_pool!(db, |pool| {
        let live = sqlx::query_as(LIVE).bind(hash).bind(now);
        live.bind(now.minus(IDLE)).fetch_optional(pool).await
    })?;
    if let Some(session) = &found
        && session.seen_at < now.minus(SEEN_EVERY)
    {
        let mut tx = db.begin().await?;
        with_tx!(&mut tx, |c| {
            let seen = sqlx::query(SEEN).bind(session.id).bind(now);
            seen.execute(c).await.map(|_| ())
        })?;
        tx.commit().await?;
    }
    Ok(found)
}

/// The live sessions of a user, last used first.
pub async fn of_user(db: &Db, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let live = sqlx::query_as(OF_USER).bind(user).bind(now);
        live.bind(now.minus(IDLE)).fetch_all(pool).await
    })?)
}

/// Ends one session of a user; whether there was one.
pub async fn end(db: &Db, user: UserId, id: SessionId) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let ended = with_tx!(&mut tx, |c| {
        let end = sqlx::query(END).bind(user).bind(id).execute(c).await;
        end.map(|done| done.rows_affected())
    })?;
    tx.commit().await?;
    Ok(ended > 0)
}

/// Ends every session of a user: they sign out everywhere.
pub async fn end_every(db: &Db, user: UserId) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    end_all(&mut tx, user).await?;
    tx.commit().await
}

/// Begins a session. It counts as proof that the user is at home at its address. Of the sign-ins of one
/// user from one address the audit log has one a minute: whoever repeats them does not fill it.
pub async fn begin(
    db: &Db,
    new: NewSession<'_>,
    act: impl Into<Act>,
) -> Result<SessionId, StoreError> {
    let (act, user) = (act.into(), new.user);
    let mut tx = db.begin().await?;
    // A password that is changed at this moment begins no session any more.
    users::lock(&mut tx, user, act.at).await?;
    let seen = match new.address {
        Some(address) => known_addresses::note(&mut tx, user.id, address, act.at).await?,
        None => None,
    };
    let id = insert(&mut tx, new, act.at).await?;
    if seen.map(minute) != Some(minute(act.at)) {
        sign_ins::note(&mut tx, user, id, &act).await?;
    }
    tx.commit().await?;
    Ok(id)
}

fn minute(at: Timestamp) -> i64 {
    at.0.div_euclid(60_000_000)
}

async fn insert(tx: &mut Tx, new: NewSession<'_>, now: Timestamp) -> Result<SessionId, StoreError> {
    let (id, user) = (SessionId::new(), new.user.id);
    with_tx!(&mut *tx, |c| {
        let dead = sqlx::query(DEAD).bind(user).bind(now);
        dead.bind(now.minus(IDLE)).execute(c).await.map(|_| ())
    })?;
    if let Some(hash) = new.replaces {
        with_tx!(&mut *tx, |c| {
            let replace = sqlx::query(REPLACE).bind(hash).execute(c).await;
            replace.map(|_| ())
        })?;
    }
    with_tx!(tx, |c| {
        let insert = sqlx::query(INSERT).bind(id).bind(new.hash).bind(user);
        let insert = insert.bind(new.address).bind(new.agent).bind(now);
        insert.bind(now.plus(LIFE)).execute(c).await.map(|_| ())
    })?;
    Ok(id)
}

/// Ends every session of a user: their password or their rights changed.
pub(super) async fn end_all(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    with_tx!(tx, |c| sqlx::query(END_ALL)
        .bind(user)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}
