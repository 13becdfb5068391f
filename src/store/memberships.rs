//! Who belongs to which organisation, and as what. An organisation that has owners keeps one. Every
//! change locks the organisation's row first, so that two of them cannot each count on the other.

use serde_json::json;
use sqlx::FromRow;

use super::transaction::Tx;
use super::users::{self, User};
use super::{Db, StoreError, audit, idempotency};
use crate::domain::audit::Act;
use crate::domain::role::Role;
use crate::domain::tenant::{OrganisationId, UserId};
use crate::domain::time::Timestamp;

mod edit;

pub use edit::{By, remove, set_role};

macro_rules! members {
    ($rest:literal) => {
        concat!(
            "SELECT m.user_id, u.email, u.name, m.role, m.version, m.created_at
             FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.organisation_id = $1 ",
            $rest
        )
    };
}

const OF_USER: &str = "SELECT m.organisation_id, o.name, m.role
    FROM memberships m JOIN organisations o ON o.id = m.organisation_id
    WHERE m.user_id = $1 AND o.deleted_at IS NULL ORDER BY o.name";
const ROLE: &str = "SELECT role FROM memberships WHERE organisation_id = $1 AND user_id = $2";
const ALL: &str = members!("ORDER BY u.email");
const ONE: &str = members!("AND m.user_id = $2");
const LOCK: &str = "UPDATE organisations SET updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";
const INSERT: &str = "INSERT INTO memberships (organisation_id, user_id, role, created_at)
    VALUES ($1, $2, $3, $4)";
const OWNERS: &str =
    "SELECT COUNT(*) FROM memberships WHERE organisation_id = $1 AND role = 'owner'";
const KNOWN_TO: &str = "SELECT u.id FROM users u WHERE u.email = $2 AND (
    EXISTS (SELECT 1 FROM users me WHERE me.id = $1 AND me.is_operator)
    OR EXISTS (SELECT 1 FROM memberships theirs
        JOIN memberships mine ON mine.organisation_id = theirs.organisation_id
        WHERE theirs.user_id = u.id AND mine.user_id = $1 AND mine.role IN ('admin', 'owner')))";

pub(super) const STATEMENTS: &[&str] = &[
    OF_USER,
    ROLE,
    ALL,
    ONE,
    KNOWN_TO,
    LOCK,
    INSERT,
    OWNERS,
    edit::SET_ROLE,
    edit::REMOVE,
];

/// An organisation that someone belongs to.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Membership {
    /// Which.
    pub organisation_id: OrganisationId,
    /// What it is called.
    pub name: String,
    /// As what.
    pub role: Role,
}

/// Someone who belongs to an organisation.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// As they sign in.
    pub email: String,
    /// What people call them.
    pub name: String,
    /// As what.
    pub role: Role,
    /// Grows with every change of the role.
    pub version: i64,
    /// When they joined.
    pub created_at: Timestamp,
}

/// The organisations of a user, by name.
pub async fn of_user(db: &Db, user: UserId) -> Result<Vec<Membership>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(OF_USER).bind(user).fetch_all(pool).await
    })?)
}

/// What a user is in an organisation.
pub async fn role(
    db: &Db,
    organisation: OrganisationId,
    user: UserId,
) -> Result<Option<Role>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let role = sqlx::query_scalar(ROLE).bind(organisation).bind(user);
        role.fetch_optional(pool).await
    })?)
}

/// The members of an organisation, by e-mail address.
pub async fn list(db: &Db, organisation: OrganisationId) -> Result<Vec<Member>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(ALL).bind(organisation).fetch_all(pool).await
    })?)
}

/// A member of an organisation.
pub async fn find(
    db: &Db,
    organisation: OrganisationId,
    user: UserId,
) -> Result<Option<Member>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let one = sqlx::query_as(ONE).bind(organisation).bind(user);
        one.fetch_optional(pool).await
    })?)
}

/// How many owners an organisation has.
pub async fn owners(db: &Db, organisation: OrganisationId) -> Result<i64, StoreError> {
    Ok(with_pool!(db, |pool| {
        let owners = sqlx::query_scalar(OWNERS).bind(organisation);
        owners.fetch_one(pool).await
    })?)
}

/// The user with this e-mail address, in lower case, if `asker` is an operator or manages an
/// organisation where they are a member.
pub async fn known_to(db: &Db, asker: UserId, email: &str) -> Result<Option<UserId>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let known = sqlx::query_scalar(KNOWN_TO).bind(asker).bind(email);
        known.fetch_optional(pool).await
    })?)
}

/// Makes a user a member.
pub async fn add(
    db: &Db,
    organisation: OrganisationId,
    user: UserId,
    role: Role,
    act: impl Into<Act>,
) -> Result<Member, StoreError> {
    let act = act.into();
    let mut tx = db.begin_as(&act).await?;
    idempotency::note(&mut tx, &act, user.0).await?;
    lock(&mut tx, organisation, act.at).await?;
    let user = users::get(&mut tx, user).await?;
    insert(&mut tx, organisation, &user, role, &act).await?;
    let member = get(&mut tx, organisation, user.id).await?;
    tx.commit().await?;
    Ok(member)
}

/// Takes the write lock of an organisation that is there.
pub(super) async fn lock(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let locked = with_tx!(tx, |c| {
        let lock = sqlx::query(LOCK).bind(organisation).bind(now);
        let done = lock.execute(c).await;
        done.map(|done| done.rows_affected())
    })?;
    if locked == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(())
}

/// Makes `user` a member of an organisation that is locked.
pub(super) async fn insert(
    tx: &mut Tx,
    organisation: OrganisationId,
    user: &User,
    role: Role,
    act: &Act,
) -> Result<(), StoreError> {
    with_tx!(&mut *tx, |c| {
        let insert = sqlx::query(INSERT).bind(organisation).bind(user.id);
        let insert = insert.bind(role).bind(act.at);
        insert.execute(c).await.map(|_| ())
    })?;
    let subject = (user.id, user.email.as_str());
    note(
        tx,
        organisation,
        subject,
        "member.add",
        (None, Some(role)),
        act,
    )
    .await
}

async fn get(
    tx: &mut Tx,
    organisation: OrganisationId,
    user: UserId,
) -> Result<Member, StoreError> {
    Ok(with_tx!(tx, |c| {
        let one = sqlx::query_as(ONE).bind(organisation).bind(user);
        one.fetch_one(c).await
    })?)
}

async fn note(
    tx: &mut Tx,
    organisation: OrganisationId,
    (user, email): (UserId, &str),
    action: &'static str,
    (before, after): (Option<Role>, Option<Role>),
    act: &Act,
) -> Result<(), StoreError> {
    let image = |role: Role| json!({"email": email, "role": role});
    let entry = audit::Entry {
        organisation: Some(organisation),
        action,
        subject: user.0,
        name: email,
        before: before.map(image),
        after: after.map(image),
    };
    audit::append(tx, act, entry).await
}
