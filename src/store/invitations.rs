//! Invitations: a one-time link by which the person with one e-mail address, and nobody else, joins an
//! organisation.

use serde::Serialize;
use sqlx::FromRow;

use super::transaction::Tx;
use super::users::{self, NewUser, User};
use super::{Db, StoreError, audit, idempotency, memberships};
use crate::domain::audit::Act;
use crate::domain::key::SecretHash;
use crate::domain::role::Role;
use crate::domain::tenant::{InvitationId, OrganisationId, UserId};
use crate::domain::time::Timestamp;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.organisation_id, o.name AS organisation, i.email, i.role, i.created_by,
                 i.created_at, i.expires_at
             FROM invitations i JOIN organisations o ON o.id = i.organisation_id
             WHERE o.deleted_at IS NULL ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO invitations
    (id, hash, organisation_id, email, role, created_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const OPEN: &str = select!("AND i.organisation_id = $1 AND i.expires_at > $2 ORDER BY i.email");
const BY_HASH: &str = select!("AND i.hash = $1 AND i.expires_at > $2");
const BY_ID: &str = select!("AND i.id = $1");
const IS_MEMBER: &str = "SELECT COUNT(*) > 0 FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.organisation_id = $1 AND u.email = $2";
const REPLACE: &str = "DELETE FROM invitations WHERE organisation_id = $1
    AND (email = $2 OR expires_at <= $3)";
const END: &str = "DELETE FROM invitations WHERE id = $1";

pub(super) const STATEMENTS: &[&str] = &[INSERT, OPEN, BY_HASH, BY_ID, IS_MEMBER, REPLACE, END];

/// An invitation that was not used yet.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct Invitation {
    /// For lists; its link holds another secret.
    pub id: InvitationId,
    /// Where to.
    pub organisation_id: OrganisationId,
    /// What that is called.
    pub organisation: String,
    /// Who may use it, in lower case.
    pub email: String,
    /// As what they join.
    pub role: Role,
    /// Who invited them.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// What a new invitation is made of.
#[derive(Clone, Debug)]
pub struct NewInvitation<'a> {
    /// Where to.
    pub organisation: OrganisationId,
    /// Who may use it, in lower case.
    pub email: &'a str,
    /// As what they join.
    pub role: Role,
    /// Of its link's secret.
    pub hash: SecretHash,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// Who uses an invitation. That their e-mail address is the invited one is checked.
pub enum Guest<'a> {
    /// Someone who proved who they are.
    Known(&'a User),
    /// Someone new.
    New(NewUser<'a>),
}

/// Invites someone who is no member yet. An earlier invitation of theirs ends.
pub async fn create(
    db: &Db,
    new: NewInvitation<'_>,
    act: impl Into<Act>,
) -> Result<Invitation, StoreError> {
    let (id, act) = (InvitationId::new(), act.into());
    let organisation = new.organisation;
    let mut tx = db.begin_as(&act).await?;
    idempotency::note(&mut tx, &act, id.0).await?;
    memberships::lock(&mut tx, organisation, act.at).await?;
    let is_member: bool = with_tx!(&mut tx, |c| {
        let is_member = sqlx::query_scalar(IS_MEMBER).bind(organisation);
        is_member.bind(new.email).fetch_one(c).await
    })?;
    if is_member {
        let what = "this person is a member already";
        return Err(StoreError::Conflict { what });
    }
    with_tx!(&mut tx, |c| {
        let replace = sqlx::query(REPLACE).bind(organisation).bind(new.email);
        replace.bind(act.at).execute(c).await.map(|_| ())
    })?;
    with_tx!(&mut tx, |c| {
        let insert = sqlx::query(INSERT).bind(id).bind(new.hash);
        let insert = insert.bind(organisation).bind(new.email).bind(new.role);
        let insert = insert.bind(act.author.name()).bind(act.at);
        insert.bind(new.expires_at).execute(c).await.map(|_| ())
    })?;
    let invitation = get(&mut tx, id).await?;
    let after = audit::image(&invitation);
    note(
        &mut tx,
        &invitation,
        "invitation.create",
        (None, after),
        &act,
    )
    .await?;
    tx.commit().await?;
    Ok(invitation)
}

/// The open invitations of an organisation, by e-mail address.
pub async fn list(
    db: &Db,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<Vec<Invitation>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let open = sqlx::query_as(OPEN).bind(organisation).bind(now);
        open.fetch_all(pool).await
    })?)
}

/// The invitation with this id, whichever organisation's it is.
pub async fn find_by_id(db: &Db, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await
    })?)
}

/// The open invitation with this secret.
pub async fn find(
    db: &Db,
    hash: SecretHash,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let find = sqlx::query_as(BY_HASH).bind(hash).bind(now);
        find.fetch_optional(pool).await
    })?)
}

/// Ends an invitation of an organisation, as far as one who is `by` may.
pub async fn revoke(
    db: &Db,
    organisation: OrganisationId,
    id: InvitationId,
    by: Role,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let act = act.into();
    let mut tx = db.begin_as(&act).await?;
    memberships::lock(&mut tx, organisation, act.at).await?;
    let invitation = get(&mut tx, id).await?;
    if invitation.organisation_id != organisation {
        return Err(StoreError::NotFound);
    }
    if !by.grants(invitation.role) {
        let what = "only owners change the invitations of owners";
        return Err(StoreError::Forbidden { what });
    }
    end(&mut tx, id).await?;
    let before = audit::image(&invitation);
    note(
        &mut tx,
        &invitation,
        "invitation.revoke",
        (before, None),
        &act,
    )
    .await?;
    tx.commit().await
}

/// Uses an invitation up: the guest is a member then. Answers who they are.
pub async fn accept(
    db: &Db,
    hash: SecretHash,
    guest: Guest<'_>,
    act: impl Into<Act>,
) -> Result<User, StoreError> {
    let act = act.into();
    let mut tx = db.begin_as(&act).await?;
    let invitation: Invitation = with_tx!(&mut tx, |c| {
        let find = sqlx::query_as(BY_HASH).bind(hash).bind(act.at);
        find.fetch_one(c).await
    })?;
    memberships::lock(&mut tx, invitation.organisation_id, act.at).await?;
    // Of two who use it at once, the second finds it gone.
    end(&mut tx, invitation.id).await?;
    let id = enter(&mut tx, guest, &act).await?;
    let user = users::get(&mut tx, id).await?;
    if user.email != invitation.email {
        let what = "this invitation is for another e-mail address";
        return Err(StoreError::Forbidden { what });
    }
    let place = invitation.organisation_id;
    memberships::insert(&mut tx, place, &user, invitation.role, &act).await?;
    let before = audit::image(&invitation);
    note(
        &mut tx,
        &invitation,
        "invitation.accept",
        (before, None),
        &act,
    )
    .await?;
    tx.commit().await?;
    Ok(user)
}

async fn enter(tx: &mut Tx, guest: Guest<'_>, act: &Act) -> Result<UserId, StoreError> {
    match guest {
        Guest::New(new) => users::insert(tx, &new, act).await,
        Guest::Known(user) => {
            users::lock(tx, user, act.at).await?;
            Ok(user.id)
        }
    }
}

async fn end(tx: &mut Tx, id: InvitationId) -> Result<(), StoreError> {
    let ended = with_tx!(tx, |c| {
        let end = sqlx::query(END).bind(id).execute(c).await;
        end.map(|done| done.rows_affected())
    })?;
    if ended == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(())
}

async fn get(tx: &mut Tx, id: InvitationId) -> Result<Invitation, StoreError> {
    Ok(with_tx!(tx, |c| sqlx::query_as(BY_ID)
        .bind(id)
        .fetch_one(c)
        .await)?)
}

async fn note(
    tx: &mut Tx,
    invitation: &Invitation,
    action: &'static str,
    (before, after): (Option<serde_json::Value>, Option<serde_json::Value>),
    act: &Act,
) -> Result<(), StoreError> {
    let entry = audit::Entry {
        organisation: Some(invitation.organisation_id),
        action,
        subject: invitation.id.0,
        name: &invitation.email,
        before,
        after,
    };
    audit::append(tx, act, entry).await
}
