//! Who asks, and from where.

use std::net::IpAddr;

use uuid::Uuid;

use crate::domain::audit::{Act, Author};
use crate::domain::role::Role;
use crate::domain::tenant::{OrganisationId, SessionId};
use crate::domain::time::Timestamp;
use crate::store::memberships::Membership;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// The client's address, as far as it is known.
    pub address: Option<IpAddr>,
    /// The `x-request-id` it is answered with.
    pub request: Option<Uuid>,
}

impl Origin {
    /// A change by `author` that comes from there.
    pub(super) fn act(self, author: Author, at: Timestamp) -> Act {
        Act {
            at,
            author,
            session: None,
            address: self.address,
            request: self.request,
            once: None,
        }
    }
}

/// Whoever proved who they are, with what they are at this moment.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Who: a user or a token.
    pub author: Author,
    /// Whether they run the installation.
    pub is_operator: bool,
    /// What they belong to.
    pub memberships: Vec<Membership>,
    /// Their session; none for tokens.
    pub session: Option<SessionId>,
    /// From where.
    pub origin: Origin,
}

impl Signed {
    /// What they are in `organisation`, if anything.
    pub fn role_in(&self, organisation: OrganisationId) -> Option<Role> {
        let mut memberships = self.memberships.iter();
        let found = memberships.find(|own| own.organisation_id == organisation);
        found.map(|own| own.role)
    }

    /// A change of theirs.
    pub fn act(&self, at: Timestamp) -> Act {
        Act {
            session: self.session,
            ..self.origin.act(self.author.clone(), at)
        }
    }
}
