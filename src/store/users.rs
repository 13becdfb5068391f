//! People. An e-mail address is kept in lower case and belongs to one person.

use sqlx::FromRow;

use super::transaction::{Tx, retried};
use super::{Db, StoreError, audit, links, memberships, sessions, signed};
use crate::domain::audit::Act;
use crate::domain::role::Role;
use crate::domain::tenant::{OrganisationId, UserId};
use crate::domain::time::Timestamp;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, email, name, password, is_operator, disabled_at, version, created_at
             FROM users ",
            $rest
        )
    };
}

mod page;
mod status;

pub use page::{UsersQuery, page};
pub use status::{Status, set_status};

const INSERT: &str =
    "INSERT INTO users (id, email, name, password, is_operator, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)";
const SET_PASSWORD: &str =
    "UPDATE users SET password = $2, version = version + 1, updated_at = $3 WHERE id = $1";
const LOCK: &str = "UPDATE users SET updated_at = $3 WHERE id = $1 AND version = $2";
const BY_ID: &str = select!("WHERE id = $1");
const BY_EMAIL: &str = select!("WHERE email = $1");
const ANY: &str = "SELECT COUNT(*) > 0 FROM users";

pub(super) const STATEMENTS: &[&str] = &[
    INSERT,
    SET_PASSWORD,
    LOCK,
    BY_ID,
    BY_EMAIL,
    ANY,
    status::SET,
    status::OPERATORS,
    status::LOCK_OPERATORS,
];

/// A person.
#[derive(Clone, FromRow)]
pub struct User {
    /// What everything of theirs names.
    pub id: UserId,
    /// In lower case.
    pub email: String,
    /// What people call them.
    pub name: String,
    /// The hash of their password; none before they chose one.
    pub password: Option<String>,
    /// Whether they run the installation.
    pub is_operator: bool,
    /// Since when they cannot sign in.
    pub disabled_at: Option<Timestamp>,
    /// Grows with every write.
    pub version: i64,
    /// When they came.
    pub created_at: Timestamp,
}

impl User {
    /// Whether they may sign in.
    pub fn status(&self) -> Status {
        if self.disabled_at.is_some() {
            return Status::Disabled;
        }
        Status::Active
    }
}

/// What a new user is made of.
#[derive(Clone)]
pub struct NewUser<'a> {
    /// In any case.
    pub email: &'a str,
    /// What people call them.
    pub name: &'a str,
    /// A hash.
    pub password: Option<&'a str>,
    /// Whether they run the installation.
    pub is_operator: bool,
}

/// The user with this id.
pub async fn find(db: &Db, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await
    })?)
}

/// The user with this e-mail address, in any case.
pub async fn find_by_email(db: &Db, email: &str) -> Result<Option<User>, StoreError> {
    let email = email.to_lowercase();
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(BY_EMAIL)
            .bind(email)
            .fetch_optional(pool)
            .await
    })?)
}

/// Whether there is anybody.
pub async fn is_any(db: &Db) -> Result<bool, StoreError> {
    Ok(with_pool!(db, |pool| sqlx::query_scalar(ANY)
        .fetch_one(pool)
        .await)?)
}

/// Creates a user, at once a member of `place` if there is one.
pub async fn create(
    db: &Db,
    new: NewUser<'_>,
    place: Option<(OrganisationId, Role)>,
    act: impl Into<Act>,
) -> Result<User, StoreError> {
    let act = act.into();
    let mut tx = db.begin_as(&act).await?;
    if let Some((organisation, _)) = place {
        memberships::lock(&mut tx, organisation, act.at).await?;
    }
    let id = insert(&mut tx, &new, &act).await?;
    let user = get(&mut tx, id).await?;
    if let Some((organisation, role)) = place {
        memberships::insert(&mut tx, organisation, &user, role, &act).await?;
    }
    tx.commit().await?;
    Ok(user)
}

/// Gives `user` a new password, unless they changed since they were read. All their sessions and
/// links end.
pub async fn change_password(
    db: &Db,
    user: &User,
    password: &str,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let act = act.into();
    // Of two who do that at once in two sessions, one gives way.
    retried(|| async {
        let mut tx = db.begin_as(&act).await?;
        signed::stop(&mut tx, user.id.0).await?;
        lock(&mut tx, user, act.at).await?;
        renew_password(&mut tx, user, password, &act).await?;
        tx.commit().await
    })
    .await
}

pub(super) async fn insert(
    tx: &mut Tx,
    new: &NewUser<'_>,
    act: &Act,
) -> Result<UserId, StoreError> {
    let (id, email) = (UserId::new(), new.email.to_lowercase());
    with_tx!(&mut *tx, |c| {
        let insert = sqlx::query(INSERT).bind(id).bind(&email).bind(new.name);
        let insert = insert.bind(new.password).bind(new.is_operator).bind(act.at);
        insert.execute(c).await.map(|_| ())
    })?;
    let after = serde_json::json!({"email": email, "name": new.name, "operator": new.is_operator});
    let entry = audit::Entry {
        organisation: None,
        action: "user.create",
        subject: id.0,
        name: &email,
        before: None,
        after: Some(after),
    };
    audit::append(tx, act, entry).await?;
    Ok(id)
}

pub(super) async fn get(tx: &mut Tx, id: UserId) -> Result<User, StoreError> {
    Ok(with_tx!(tx, |c| sqlx::query_as(BY_ID)
        .bind(id)
        .fetch_one(c)
        .await)?)
}

/// Takes the row's write lock, if the user is still as they were read.
pub(super) async fn lock(tx: &mut Tx, user: &User, now: Timestamp) -> Result<(), StoreError> {
    let locked = with_tx!(tx, |c| {
        let lock = sqlx::query(LOCK).bind(user.id).bind(user.version);
        let done = lock.bind(now).execute(c).await;
        done.map(|done| done.rows_affected())
    })?;
    if locked == 0 {
        return Err(StoreError::VersionConflict);
    }
    Ok(())
}

/// Sets a password and ends what could be had with the one before.
pub(super) async fn renew_password(
    tx: &mut Tx,
    user: &User,
    password: &str,
    act: &Act,
) -> Result<(), StoreError> {
    set_password(tx, user, password, act).await?;
    sessions::end_all(tx, user.id).await?;
    links::end_all(tx, user.id).await
}

async fn set_password(
    tx: &mut Tx,
    user: &User,
    password: &str,
    act: &Act,
) -> Result<(), StoreError> {
    with_tx!(&mut *tx, |c| {
        let set = sqlx::query(SET_PASSWORD).bind(user.id).bind(password);
        set.bind(act.at).execute(c).await.map(|_| ())
    })?;
    let entry = audit::Entry {
        organisation: None,
        action: "user.password",
        subject: user.id.0,
        name: &user.email,
        before: None,
        after: None,
    };
    audit::append(tx, act, entry).await
}
