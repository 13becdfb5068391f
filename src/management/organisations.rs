//! Organisations: the operator's, and what its owners may see and change of theirs.

use uuid::Uuid;

use super::{Faults, Made, Management, Problem, Signed};
use crate::domain::audit::{Act, Once};
use crate::domain::limits::Limits;
use crate::domain::role::Role;
use crate::domain::tenant::OrganisationId;
use crate::store::organisations::{self, Organisation, OrganisationPatch};

/// What a new organisation is made of.
#[derive(Clone, Debug, Default)]
pub struct NewOrganisation {
    /// Required; unique.
    pub name: Option<String>,
    /// What all its keys together may use.
    pub limits: Limits,
}

impl Management {
    /// All organisations, by name.
    pub async fn organisations(&self, signed: &Signed) -> Result<Vec<Organisation>, Problem> {
        self.operator(signed)?;
        Ok(organisations::list(&self.db).await?)
    }

    /// One organisation: the operator's or its owners' to read.
    pub async fn organisation(&self, signed: &Signed, id: Uuid) -> Result<Organisation, Problem> {
        self.may_edit(signed, id)?;
        self.found(id).await
    }

    /// Makes an organisation.
    pub async fn create_organisation(
        &self,
        signed: &Signed,
        new: NewOrganisation,
        once: Option<Once>,
    ) -> Result<Made<Organisation>, Problem> {
        let act = self.operator(signed)?.once(once);
        let make = async {
            let mut faults = Faults::default();
            let name = faults.required_name("name", new.name.as_deref());
            faults.check()?;
            Ok(organisations::create(&self.db, &name, &new.limits, &act).await?)
        };
        self.once(&act, |id| self.found(id), make).await
    }

    /// Changes an organisation. Owners only rename theirs.
    pub async fn update_organisation(
        &self,
        signed: &Signed,
        id: Uuid,
        mut patch: OrganisationPatch,
    ) -> Result<Organisation, Problem> {
        let act = self.may_edit(signed, id)?;
        let is_more = patch.status.is_some() || patch.limits.is_some() || patch.models.is_some();
        if is_more && !signed.is_operator {
            return Err(Problem::Forbidden(
                "only operators change more than the name",
            ));
        }
        let mut faults = Faults::default();
        patch.name = patch.name.map(|name| faults.name("name", &name));
        faults.models("models", patch.models.as_ref().and_then(Option::as_deref));
        if let Some(limits) = &patch.limits {
            let old = self.found(id).await?.limits;
            faults.missing(limits.apply(&old).err());
        }
        faults.check()?;
        Ok(organisations::update(&self.db, OrganisationId(id), patch, act).await?)
    }

    /// Deletes an organisation with its keys, tokens, memberships and invitations. Its usage and its
    /// audit log stay.
    pub async fn delete_organisation(
        &self,
        signed: &Signed,
        id: Uuid,
        version: Option<i64>,
    ) -> Result<(), Problem> {
        let organisation = OrganisationId(id);
        if !signed.is_operator && signed.role_in(organisation).is_none() {
            return Err(Problem::NotFound);
        }
        let act = self.operator(signed)?;
        Ok(organisations::delete(&self.db, organisation, version, act).await?)
    }

    async fn found(&self, id: Uuid) -> Result<Organisation, Problem> {
        let found = organisations::find_by_id(&self.db, OrganisationId(id)).await?;
        found.ok_or(Problem::NotFound)
    }

    /// Proves that `signed` runs the installation or owns the organisation.
    fn may_edit(&self, signed: &Signed, id: Uuid) -> Result<Act, Problem> {
        if signed.is_operator {
            return self.operator(signed);
        }
        let access = self.access(signed, id, Role::Owner)?;
        Ok(access.act().clone())
    }
}
