//! Sign-ins in the audit log: those that began a session, and those that failed.

use serde_json::{Value, json};
use uuid::Uuid;

use super::transaction::Tx;
use super::users::User;
use super::{Db, StoreError, audit};
use crate::domain::audit::Act;
use crate::domain::tenant::{SessionId, UserId};

/// Writes down that `user` began a session.
pub(super) async fn note(
    tx: &mut Tx,
    user: &User,
    session: SessionId,
    act: &Act,
) -> Result<(), StoreError> {
    let entry = audit::Entry {
        organisation: None,
        action: "user.sign_in",
        subject: user.id.0,
        name: &user.email,
        before: None,
        after: Some(json!({"session": session})),
    };
    audit::append(tx, act, entry).await
}

/// Writes down that somebody could not sign in as `email`, who may be nobody; `how` it went.
pub async fn note_failure(
    db: &Db,
    (email, user): (&str, Option<UserId>),
    how: Value,
    act: impl Into<Act>,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let entry = audit::Entry {
        organisation: None,
        action: "user.sign_in_failed",
        subject: user.map_or(Uuid::nil(), |user| user.0),
        name: email,
        before: None,
        after: Some(how),
    };
    audit::append(&mut tx, &act.into(), entry).await?;
    tx.commit().await
}
