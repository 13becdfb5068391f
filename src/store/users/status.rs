//! Shutting people out, and letting them in again.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{User, get, lock};
use crate::domain::audit::Act;
use crate::domain::tenant::UserId;
use crate::store::transaction::{Tx, retried};
use crate::store::{Db, StoreError, audit, links, sessions, signed};

pub(in crate::store) const SET: &str =
    "UPDATE users SET disabled_at = $2, version = version + 1 WHERE id = $1";
pub(in crate::store) const OPERATORS: &str =
    "SELECT COUNT(*) FROM users WHERE is_operator AND disabled_at IS NULL";
/// Two who shut two operators out must not each count on the other.
pub(in crate::store) const LOCK_OPERATORS: &str =
    "UPDATE users SET updated_at = $1 WHERE is_operator";

/// Whether someone may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UserStatus)]
pub enum Status {
    /// They may.
    Active,
    /// They may not, whatever proof they have.
    Disabled,
}

/// Gives a user another status, only if they still have this `version` where one is named. All sessions
/// and links of someone who is disabled end; their keys belong to their organisations and stay.
pub async fn set_status(
    db: &Db,
    id: UserId,
    status: Status,
    version: Option<i64>,
    act: impl Into<Act>,
) -> Result<User, StoreError> {
    let act = act.into();
    // Of two who shut each other out, one gives way.
    retried(|| change(db, id, status, version, &act)).await
}

async fn change(
    db: &Db,
    id: UserId,
    status: Status,
    version: Option<i64>,
    act: &Act,
) -> Result<User, StoreError> {
    let mut tx = db.begin_as(act).await?;
    if status == Status::Disabled {
        signed::stop(&mut tx, id.0).await?;
        with_tx!(&mut tx, |c| {
            let lock = sqlx::query(LOCK_OPERATORS).bind(act.at);
            lock.execute(c).await.map(|_| ())
        })?;
    }
    let old = get(&mut tx, id).await?;
    if version.is_some_and(|version| version != old.version) {
        return Err(StoreError::VersionConflict);
    }
    if old.status() == status {
        return Ok(old);
    }
    lock(&mut tx, &old, act.at).await?;
    let disabled_at = (status == Status::Disabled).then_some(act.at);
    with_tx!(&mut tx, |c| {
        let set = sqlx::query(SET).bind(id).bind(disabled_at);
        set.execute(c).await.map(|_| ())
    })?;
    if status == Status::Disabled {
        shut_out(&mut tx, &old).await?;
    }
    let entry = audit::Entry {
        organisation: None,
        action: "user.update",
        subject: id.0,
        name: &old.email,
        before: Some(json!({"status": old.status()})),
        after: Some(json!({"status": status})),
    };
    audit::append(&mut tx, act, entry).await?;
    let changed = get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Ends what lets someone in, if an operator is left.
async fn shut_out(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    let left: i64 = with_tx!(&mut *tx, |c| {
        sqlx::query_scalar(OPERATORS).fetch_one(c).await
    })?;
    if user.is_operator && left == 0 {
        let what = "the last operator stays; make another one first";
        return Err(StoreError::Conflict { what });
    }
    sessions::end_all(tx, user.id).await?;
    links::end_all(tx, user.id).await
}
