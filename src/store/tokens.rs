//! Management tokens. The store is asked at every request, so that a revoked one is refused by every
//! process at once.

use sqlx::FromRow;

use super::{Db, StoreError};
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

pub(super) const STATEMENTS: &[&str] = &[LIVE];

/// A management token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
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

/// The token with this secret, unless it expired.
pub async fn find_live(
    db: &Db,
    hash: SecretHash,
    now: Timestamp,
) -> Result<Option<Token>, StoreError> {
    Ok(with_pool!(db, |pool| {
        sqlx::query_as(LIVE)
            .bind(hash)
            .bind(now)
            .fetch_optional(pool)
            .await
    })?)
}
