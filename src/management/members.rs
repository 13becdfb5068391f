//! Who belongs to an organisation.

use uuid::Uuid;

use super::{Access, Faults, Made, Management, Problem};
use crate::domain::audit::{Act, Once};
use crate::domain::role::Role;
use crate::domain::tenant::UserId;
use crate::store::memberships::{self, By, Member};

impl Management {
    /// Everybody, by e-mail address.
    pub async fn members(&self, access: &Access) -> Result<Vec<Member>, Problem> {
        Ok(memberships::list(&self.db, access.organisation()).await?)
    }

    /// Makes someone a member whom the person who asks knows already, as an admin of another
    /// organisation: nobody learns here who else has an account. Others are invited.
    pub async fn add_member(
        &self,
        access: &Access,
        email: Option<&str>,
        role: Option<Role>,
        once: Option<Once>,
    ) -> Result<Made<Member>, Problem> {
        let act = access.act().once(once);
        let find = |id| async move {
            let found = memberships::find(&self.db, access.organisation(), UserId(id)).await?;
            found.ok_or(Problem::NotFound)
        };
        let make = self.make_member(access, email, role, &act);
        self.once(&act, find, make).await
    }

    async fn make_member(
        &self,
        access: &Access,
        email: Option<&str>,
        role: Option<Role>,
        act: &Act,
    ) -> Result<Member, Problem> {
        let mut faults = Faults::default();
        let email = faults.email("email", email);
        let role = faults.role(access, role);
        faults.check()?;
        let asker = UserId(act.author.id().unwrap_or_default());
        let Some(user) = memberships::known_to(&self.db, asker, &email).await? else {
            let mut faults = Faults::default();
            faults.add("email", "nobody you manage elsewhere: send an invitation");
            faults.check()?;
            return Err(Problem::Internal);
        };
        let organisation = access.organisation();
        Ok(memberships::add(&self.db, organisation, user, role, act).await?)
    }

    /// Gives a member another role, only if they still have this `version` where one is named.
    pub async fn set_role(
        &self,
        access: &Access,
        user: Uuid,
        role: Option<Role>,
        version: Option<i64>,
    ) -> Result<Member, Problem> {
        let mut faults = Faults::default();
        let role = faults.role(access, role);
        faults.check()?;
        let (organisation, user) = (access.organisation(), UserId(user));
        let (by, act) = (By::of(access, version), access.act());
        Ok(memberships::set_role(&self.db, organisation, user, role, by, act).await?)
    }

    /// Ends a membership, only if it still has this `version` where one is named. The member's keys
    /// here are disabled.
    pub async fn remove_member(
        &self,
        access: &Access,
        user: Uuid,
        version: Option<i64>,
    ) -> Result<(), Problem> {
        let (organisation, user) = (access.organisation(), UserId(user));
        let (by, act) = (By::of(access, version), access.act());
        Ok(memberships::remove(&self.db, organisation, user, by, act).await?)
    }
}

impl By {
    fn of(access: &Access, version: Option<i64>) -> Self {
        Self {
            role: access.role(),
            version,
        }
    }
}

impl Faults {
    /// A role that must be there, and that whoever asks may give.
    pub(super) fn role(&mut self, access: &Access, role: Option<Role>) -> Role {
        match role {
            None => self.add("role", "is required"),
            Some(role) if !access.role().grants(role) => {
                self.add("role", "at most your own; only owners make owners");
            }
            Some(_) => {}
        }
        role.unwrap_or(Role::Viewer)
    }
}
