//! Changes of members. An organisation that has owners keeps one.

use super::{Member, OWNERS, get, lock, note};
use crate::domain::audit::Act;
use crate::domain::role::Role;
use crate::domain::tenant::{OrganisationId, UserId};
use crate::store::changes::{self, ChangeKind};
use crate::store::transaction::{Tx, retried};
use crate::store::{Db, StoreError, keys, sessions, signed};

pub(in crate::store) const SET_ROLE: &str =
    "UPDATE memberships SET role = $3, version = version + 1
    WHERE organisation_id = $1 AND user_id = $2";
pub(in crate::store) const REMOVE: &str =
    "DELETE FROM memberships WHERE organisation_id = $1 AND user_id = $2";

/// Who changes a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// What they are there themselves.
    pub role: Role,
    /// The member as they read them, if they name a version.
    pub version: Option<i64>,
}

/// Gives a member another role, as far as one who is `by` grants that. Their sessions end.
pub async fn set_role(
    db: &Db,
    organisation: OrganisationId,
    user: UserId,
    role: Role,
    by: By,
    act: impl Into<Act>,
) -> Result<Member, StoreError> {
    let act = act.into();
    // Of two who take each other's rights away, one gives way.
    retried(|| change(db, organisation, user, role, by, &act)).await
}

async fn change(
    db: &Db,
    organisation: OrganisationId,
    user: UserId,
    role: Role,
    by: By,
    act: &Act,
) -> Result<Member, StoreError> {
    let mut tx = db.begin_as(act).await?;
    let old = lock_member(&mut tx, organisation, user, act).await?;
    may_change(&mut tx, organisation, &old, Some(role), by).await?;
    if old.role == role {
        return Ok(old);
    }
    with_tx!(&mut tx, |c| {
        let set = sqlx::query(SET_ROLE).bind(organisation).bind(user);
        set.bind(role).execute(c).await.map(|_| ())
    })?;
    sessions::end_all(&mut tx, user).await?;
    let roles = (Some(old.role), Some(role));
    note(
        &mut tx,
        organisation,
        (user, &old.email),
        "member.update",
        roles,
        act,
    )
    .await?;
    let changed = get(&mut tx, organisation, user).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Ends a membership, as far as one who is `by` may. The member's keys in this organisation are
/// disabled and their sessions end.
pub async fn remove(
    db: &Db,
    organisation: OrganisationId,
    user: UserId,
    by: By,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let act = act.into();
    retried(|| end(db, organisation, user, by, &act)).await
}

async fn end(
    db: &Db,
    organisation: OrganisationId,
    user: UserId,
    by: By,
    act: &Act,
) -> Result<(), StoreError> {
    let mut tx = db.begin_as(act).await?;
    let old = lock_member(&mut tx, organisation, user, act).await?;
    may_change(&mut tx, organisation, &old, None, by).await?;
    with_tx!(&mut tx, |c| {
        let remove = sqlx::query(REMOVE).bind(organisation).bind(user);
        remove.execute(c).await.map(|_| ())
    })?;
    let disabled = keys::disable_of(&mut tx, organisation, user.0, act).await?;
    sessions::end_all(&mut tx, user).await?;
    let roles = (Some(old.role), None);
    note(
        &mut tx,
        organisation,
        (user, &old.email),
        "member.remove",
        roles,
        act,
    )
    .await?;
    for key in disabled {
        changes::append(&mut tx, ChangeKind::Key, key.0, act.at).await?;
    }
    tx.commit().await
}

/// The member, whom nobody else changes until the transaction ends, and who changes nothing any more.
async fn lock_member(
    tx: &mut Tx,
    organisation: OrganisationId,
    user: UserId,
    act: &Act,
) -> Result<Member, StoreError> {
    signed::stop(tx, user.0).await?;
    lock(tx, organisation, act.at).await?;
    get(tx, organisation, user).await
}

/// Whether `old` may be made a `new`, or nothing, by this one.
async fn may_change(
    tx: &mut Tx,
    organisation: OrganisationId,
    old: &Member,
    new: Option<Role>,
    by: By,
) -> Result<(), StoreError> {
    if by.version.is_some_and(|version| version != old.version) {
        return Err(StoreError::VersionConflict);
    }
    if !by.role.grants(old.role) || new.is_some_and(|new| !by.role.grants(new)) {
        let what = "only owners make owners or change them";
        return Err(StoreError::Forbidden { what });
    }
    if old.role != Role::Owner || new == Some(Role::Owner) {
        return Ok(());
    }
    let owners: i64 = with_tx!(tx, |c| {
        let owners = sqlx::query_scalar(OWNERS).bind(organisation);
        owners.fetch_one(c).await
    })?;
    if owners < 2 {
        let what = "the last owner stays; make somebody else an owner first";
        return Err(StoreError::Conflict { what });
    }
    Ok(())
}
