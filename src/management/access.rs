//! The proof that someone may do something in an organisation.

use uuid::Uuid;

use super::{Management, Problem, Signed};
use crate::domain::audit::Act;
use crate::domain::role::Role;
use crate::domain::tenant::OrganisationId;
use crate::store::{memberships, organisations};

/// A role in an organisation, proved. Nothing of an organisation is touched without one.
#[derive(Clone, Debug)]
pub struct Access {
    organisation: OrganisationId,
    role: Role,
    act: Act,
}

impl Management {
    /// Proves that `signed` is at least a `least` in `organisation`. To strangers it does not exist.
    pub fn access(
        &self,
        signed: &Signed,
        organisation: Uuid,
        least: Role,
    ) -> Result<Access, Problem> {
        let organisation = OrganisationId(organisation);
        let role = signed.role_in(organisation).ok_or(Problem::NotFound)?;
        if role < least {
            return Err(Problem::Forbidden("your role does not allow this"));
        }
        let act = signed.act(self.now());
        Ok(Access {
            organisation,
            role,
            act,
        })
    }

    /// Proves that `signed` may invite people to `organisation`. One without owners is the operator's
    /// to give away.
    pub async fn access_to_invite(
        &self,
        signed: &Signed,
        organisation: Uuid,
    ) -> Result<Access, Problem> {
        let id = OrganisationId(organisation);
        if !signed.is_operator || signed.role_in(id).is_some() {
            return self.access(signed, organisation, Role::Admin);
        }
        let found = organisations::find(&self.db, &organisation.to_string()).await?;
        let is_there = found.is_some_and(|found| found.id == id);
        if !is_there || memberships::owners(&self.db, id).await? > 0 {
            return Err(Problem::NotFound);
        }
        Ok(Access {
            organisation: id,
            role: Role::Owner,
            act: signed.act(self.now()),
        })
    }

    /// Proves that `signed` runs the installation.
    pub fn operator(&self, signed: &Signed) -> Result<Act, Problem> {
        if !signed.is_operator {
            return Err(Problem::Forbidden("only operators may do this"));
        }
        Ok(signed.act(self.now()))
    }
}

impl Access {
    /// In which organisation.
    pub fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// As what.
    pub fn role(&self) -> Role {
        self.role
    }

    /// As whose change.
    pub fn act(&self) -> &Act {
        &self.act
    }

    /// Whose keys, calls and usage they see: only their own, unless `None`.
    pub fn own_only(&self) -> Option<Uuid> {
        (self.role == Role::Member).then(|| self.act.author.id().unwrap_or_default())
    }
}
