//! Management tokens. The store is asked at every request, so that a revoked one is refused by every
//! process at once.

use std::time::Duration;

use serde::Serialize;
use sqlx::FromRow;

use super::transaction::{Tx, retried};
use super::{Db, StoreError, audit, idempotency, memberships, signed};
use crate::domain::audit::Act;
use crate::domain::key::SecretHash;
use crate::domain::role::Role;
use crate::domain::tenant::{OrganisationId, TokenId};
use crate::domain::time::Timestamp;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, organisation_id, role, name, display, created_by, created_at, expires_at,
                 last_used_at FROM tokens ",
            $rest
        )
    };
}

const LIVE: &str = select!("WHERE hash = $1 AND (expires_at IS NULL OR expires_at > $2)");
const SEEN: &str = "UPDATE tokens SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
const INSERT: &str = "INSERT INTO tokens
    (id, hash, organisation_id, role, name, display, created_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const BY_ID: &str = select!("WHERE id = $1");
const ALL: &str = select!("WHERE organisation_id IS NOT DISTINCT FROM $1 ORDER BY name, id");
const REVOKE: &str = "DELETE FROM tokens WHERE id = $1";

pub(super) const STATEMENTS: &[&str] = &[LIVE, SEEN, INSERT, BY_ID, ALL, REVOKE];

/// How exactly the last use is known.
const SEEN_EVERY: Duration = Duration::from_mins(1);

/// A management token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct Token {
    /// What its keys and changes name.
    pub id: TokenId,
    /// The organisation it manages; none for the operator's.
    pub organisation_id: Option<OrganisationId>,
    /// As what; none for the operator's.
    pub role: Option<Role>,
    /// What people call it.
    pub name: String,
    /// As it may be shown.
    pub display: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a new token is made of.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// Its organisation and what it is there; none for the operator's.
    pub place: Option<(OrganisationId, Role)>,
    /// What people call it.
    pub name: &'a str,
    /// Of its secret.
    pub hash: SecretHash,
    /// As it may be shown.
    pub display: &'a str,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// The token with this secret, unless it expired. Its use is noted.
pub async fn find_live(
    db: &Db,
    hash: SecretHash,
    now: Timestamp,
) -> Result<Option<Token>, StoreError> {
    let found: Option<Token> = with_pool!(db, |pool| {
        let live = sqlx::query_as(LIVE).bind(hash).bind(now);
        live.fetch_optional(pool).await
    })?;
    if let Some(token) = &found
        && token
            .last_used_at
            .is_none_or(|at| at < now.minus(SEEN_EVERY))
    {
        let mut tx = db.begin().await?;
        with_tx!(&mut tx, |c| {
            let seen = sqlx::query(SEEN).bind(token.id).bind(now);
            seen.execute(c).await.map(|_| ())
        })?;
        tx.commit().await?;
    }
    Ok(found)
}

/// The token with this id, whoever's it is.
pub async fn find(db: &Db, id: TokenId) -> Result<Option<Token>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await
    })?)
}

/// The tokens of an organisation, or the operator's, by name.
pub async fn list(db: &Db, organisation: Option<OrganisationId>) -> Result<Vec<Token>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(ALL).bind(organisation).fetch_all(pool).await
    })?)
}

/// Makes a token.
pub async fn create(db: &Db, new: NewToken<'_>, act: impl Into<Act>) -> Result<Token, StoreError> {
    let (id, act) = (TokenId::new(), act.into());
    let (organisation, role) = new.place.unzip();
    let mut tx = db.begin_as(&act).await?;
    idempotency::note(&mut tx, &act, id.0).await?;
    if let Some(organisation) = organisation {
        memberships::lock(&mut tx, organisation, act.at).await?;
    }
    with_tx!(&mut tx, |c| {
        let insert = sqlx::query(INSERT).bind(id).bind(new.hash);
        let insert = insert.bind(organisation).bind(role).bind(new.name);
        let insert = insert.bind(new.display).bind(act.author.name());
        let insert = insert.bind(act.at).bind(new.expires_at);
        insert.execute(c).await.map(|_| ())
    })?;
    let token = get(&mut tx, id).await?;
    note(&mut tx, &token, "token.create", &act).await?;
    tx.commit().await?;
    Ok(token)
}

/// Revokes a token of an organisation, or of the operator, as far as one who is `by` may.
pub async fn revoke(
    db: &Db,
    organisation: Option<OrganisationId>,
    id: TokenId,
    by: Role,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let act = act.into();
    // Of two that revoke each other, one gives way.
    retried(|| end(db, organisation, id, by, &act)).await
}

async fn end(
    db: &Db,
    organisation: Option<OrganisationId>,
    id: TokenId,
    by: Role,
    act: &Act,
) -> Result<(), StoreError> {
    let mut tx = db.begin_as(act).await?;
    signed::stop(&mut tx, id.0).await?;
    let token = get(&mut tx, id).await?;
    if token.organisation_id != organisation {
        return Err(StoreError::NotFound);
    }
    if token.role.is_some_and(|role| !by.grants(role)) {
        let what = "only owners revoke the tokens of owners";
        return Err(StoreError::Forbidden { what });
    }
    let revoked = with_tx!(&mut tx, |c| {
        let revoke = sqlx::query(REVOKE).bind(id).execute(c).await;
        revoke.map(|done| done.rows_affected())
    })?;
    if revoked == 0 {
        return Err(StoreError::NotFound);
    }
    note(&mut tx, &token, "token.revoke", act).await?;
    tx.commit().await
}

async fn get(tx: &mut Tx, id: TokenId) -> Result<Token, StoreError> {
    Ok(with_tx!(tx, |c| sqlx::query_as(BY_ID)
        .bind(id)
        .fetch_one(c)
        .await)?)
}

async fn note(
    tx: &mut Tx,
    token: &Token,
    action: &'static str,
    act: &Act,
) -> Result<(), StoreError> {
    let image = audit::image(token);
    let is_new = action == "token.create";
    let (before, after) = if is_new { (None, image) } else { (image, None) };
    let entry = audit::Entry {
        organisation: token.organisation_id,
        action,
        subject: token.id.0,
        name: &token.name,
        before,
        after,
    };
    audit::append(tx, act, entry).await
}
