//! Who belongs to which organisation, and as what. An organisation that has owners keeps one.

use sqlx::FromRow;

use super::{Db, StoreError};
use crate::domain::role::Role;
use crate::domain::tenant::{OrganisationId, UserId};

const OF_USER: &str = "SELECT m.organisation_id, o.name, m.role
    FROM memberships m JOIN organisations o ON o.id = m.organisation_id
    WHERE m.user_id = $1 ORDER BY o.name";
const ROLE: &str = "SELECT role FROM memberships WHERE organisation_id = $1 AND user_id = $2";

pub(super) const STATEMENTS: &[&str] = &[OF_USER, ROLE];

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
