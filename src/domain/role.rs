//! What people and tokens may do inside an organisation. Each role includes the ones before it.

use serde::{Deserialize, Serialize};

/// A role; a later one may do all that an earlier one may.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything but the audit log, tokens and members.
    Viewer,
    /// Creates, reads and changes own keys, and reads their usage.
    Member,
    /// Everything but owners.
    Admin,
    /// Everything in the organisation.
    Owner,
}

impl Role {
    /// Every role, least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Member, Self::Admin, Self::Owner];

    /// As people read and write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Whether this role may make someone a `role`, or take that away: nobody grants more than they
    /// have, and only owners make owners.
    pub fn grants(self, role: Self) -> bool {
        self >= Self::Admin && role <= self
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn nobody_grants_more_than_they_have() {
        for granted in Role::ALL {
            assert!(!Role::Viewer.grants(granted));
            assert!(!Role::Member.grants(granted));
            assert_eq!(Role::Admin.grants(granted), granted != Role::Owner);
            assert!(Role::Owner.grants(granted));
        }
    }
}
