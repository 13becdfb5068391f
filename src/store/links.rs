//! Links that work once: to set up the first operator, to sign in, to choose a new password.

use serde_json::json;

use super::changes::ChangeKind;
use super::transaction::{Tx, retried};
use super::users::{self, NewUser, Status, User};
use super::{Db, StoreError, audit, changes, known_addresses, memberships, organisations, signed};
use crate::domain::audit::{Act, Author};
use crate::domain::key::SecretHash;
use crate::domain::limits::Limits;
use crate::domain::role::Role;
use crate::domain::tenant::UserId;
use crate::domain::time::Timestamp;

const INSERT: &str = "INSERT INTO links (hash, purpose, user_id, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5)";
const IS_OPEN: &str =
    "SELECT COUNT(*) > 0 FROM links WHERE hash = $1 AND purpose = $2 AND expires_at > $3";
const TAKE: &str = "DELETE FROM links WHERE hash = $1 AND purpose = $2 AND expires_at > $3
    RETURNING user_id";
const END_OLD: &str = "DELETE FROM links
    WHERE expires_at <= $1 OR (user_id = $2 AND purpose = $3)";
const END_ALL: &str = "DELETE FROM links WHERE user_id = $1";
const END_SET_UP: &str = "DELETE FROM links WHERE purpose = 'set_up'";
const ANY_USER: &str = "SELECT COUNT(*) > 0 FROM users";

pub(super) const STATEMENTS: &[&str] = &[
    INSERT, IS_OPEN, TAKE, END_OLD, END_ALL, END_SET_UP, ANY_USER,
];

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

/// Makes a link with the hash of its secret and its end. Earlier ones of the same user for the same
/// end, and so do all that are over.
pub async fn create(
    db: &Db,
    purpose: Purpose,
    user: Option<&User>,
    (hash, expires_at): (SecretHash, Timestamp),
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let (act, id) = (act.into(), user.map(|user| user.id));
    let mut tx = db.begin_as(&act).await?;
    with_tx!(&mut tx, |c| {
        let old = sqlx::query(END_OLD).bind(act.at).bind(id).bind(purpose);
        old.execute(c).await.map(|_| ())
    })?;
    with_tx!(&mut tx, |c| {
        let insert = sqlx::query(INSERT).bind(hash).bind(purpose).bind(id);
        let insert = insert.bind(act.at).bind(expires_at);
        insert.execute(c).await.map(|_| ())
    })?;
    if let Some(user) = user {
        let purpose = if purpose == Purpose::Reset {
            "reset"
        } else {
            "sign_in"
        };
        let after = json!({"purpose": purpose, "expires_at": expires_at});
        note(&mut tx, user, "link.create", Some(after), &act).await?;
    }
    tx.commit().await
}

/// Whether such a link is still there. Looking does not use it up.
pub async fn is_open(
    db: &Db,
    hash: SecretHash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(with_pool!(db, |pool| {
        let is_open = sqlx::query_scalar(IS_OPEN).bind(hash).bind(purpose);
        is_open.bind(now).fetch_one(pool).await
    })?)
}

/// Uses a sign-in link up; whose it was.
pub async fn sign_in(db: &Db, hash: SecretHash, now: Timestamp) -> Result<User, StoreError> {
    let mut tx = db.begin().await?;
    let user = take_of_user(&mut tx, hash, Purpose::SignIn, now).await?;
    tx.commit().await?;
    Ok(user)
}

/// Uses a reset link up: its user gets a new password, and their sessions and other links end. They
/// are at home at `address` from now on.
pub async fn reset(
    db: &Db,
    hash: SecretHash,
    password: &str,
    address: Option<&str>,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let act = act.into();
    let mut tx = db.begin().await?;
    let user = take_of_user(&mut tx, hash, Purpose::Reset, act.at).await?;
    signed::stop(&mut tx, user.id.0).await?;
    users::renew_password(&mut tx, &user, password, &act).await?;
    if let Some(address) = address {
        known_addresses::note(&mut tx, user.id, address, act.at).await?;
    }
    tx.commit().await
}

/// Uses a set-up link up: makes the first user and, under its name, an organisation that is theirs.
/// Where there is a user already, no such link works.
pub async fn set_up(
    db: &Db,
    hash: SecretHash,
    first: NewUser<'_>,
    organisation: Option<&str>,
    act: impl Into<Act>,
) -> Result<User, StoreError> {
    let act = act.into();
    retried(|| try_set_up(db, hash, &first, organisation, &act)).await
}

async fn try_set_up(
    db: &Db,
    hash: SecretHash,
    first: &NewUser<'_>,
    organisation: Option<&str>,
    act: &Act,
) -> Result<User, StoreError> {
    let mut tx = db.begin().await?;
    let taken = take(&mut tx, hash, Purpose::SetUp, act.at).await?;
    taken.ok_or(StoreError::NotFound)?;
    // Whoever uses another one at this moment waits here, and finds the first user then.
    with_tx!(&mut tx, |c| {
        sqlx::query(END_SET_UP).execute(c).await.map(|_| ())
    })?;
    if with_tx!(&mut tx, |c| sqlx::query_scalar(ANY_USER).fetch_one(c).await)? {
        return Err(StoreError::NotFound);
    }
    let id = users::insert(&mut tx, first, act).await?;
    let user = users::get(&mut tx, id).await?;
    if let Some(name) = organisation {
        found(&mut tx, name, &user, act).await?;
    }
    tx.commit().await?;
    Ok(user)
}

/// Makes an organisation that is the first user's, as their change.
async fn found(tx: &mut Tx, name: &str, user: &User, act: &Act) -> Result<(), StoreError> {
    let act = Act {
        author: Author::User {
            id: user.id,
            email: user.email.clone(),
        },
        ..act.clone()
    };
    let founded = organisations::insert(tx, name, &Limits::default(), &act).await?;
    memberships::insert(tx, founded.id, user, Role::Owner, &act).await?;
    changes::append(tx, ChangeKind::Organisation, founded.id.0, act.at).await
}

/// Uses a link up; whose it was. None if there is no such link any more.
async fn take(
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

async fn take_of_user(
    tx: &mut Tx,
    hash: SecretHash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<User, StoreError> {
    let taken = take(tx, hash, purpose, now).await?;
    let user = taken.flatten().ok_or(StoreError::NotFound)?;
    let user = users::get(tx, user).await?;
    // One that was made after its user was shut out.
    if user.status() == Status::Disabled {
        return Err(StoreError::NotFound);
    }
    Ok(user)
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

async fn note(
    tx: &mut Tx,
    user: &User,
    action: &'static str,
    after: Option<serde_json::Value>,
    act: &Act,
) -> Result<(), StoreError> {
    let entry = audit::Entry {
        organisation: None,
        action,
        subject: user.id.0,
        name: &user.email,
        before: None,
        after,
    };
    audit::append(tx, act, entry).await
}
