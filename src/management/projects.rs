//! Projects: groups of keys with limits of their own.

use uuid::Uuid;

use super::{Access, Faults, Made, Management, Problem};
use crate::domain::audit::{Act, Once};
use crate::domain::limits::Limits;
use crate::domain::tenant::ProjectId;
use crate::store::projects::{self, Project, ProjectPatch};

/// What a new project is made of.
#[derive(Clone, Debug, Default)]
pub struct NewProject {
    /// Required; unique in its organisation.
    pub name: Option<String>,
    /// What all its keys together may use.
    pub limits: Limits,
    /// The models its keys may call; `None` for all.
    pub models: Option<Vec<String>>,
}

impl Management {
    /// All projects, by name.
    pub async fn projects(&self, access: &Access) -> Result<Vec<Project>, Problem> {
        Ok(projects::list(&self.db, access.organisation()).await?)
    }

    /// One project.
    pub async fn project(&self, access: &Access, id: Uuid) -> Result<Project, Problem> {
        let found = projects::find_by_id(&self.db, access.organisation(), ProjectId(id)).await?;
        found.ok_or(Problem::NotFound)
    }

    /// Makes a project.
    pub async fn create_project(
        &self,
        access: &Access,
        new: NewProject,
        once: Option<Once>,
    ) -> Result<Made<Project>, Problem> {
        let act = access.act().once(once);
        let make = self.make_project(access, new, &act);
        self.once(&act, |id| self.project(access, id), make).await
    }

    async fn make_project(
        &self,
        access: &Access,
        new: NewProject,
        act: &Act,
    ) -> Result<Project, Problem> {
        let mut faults = Faults::default();
        let name = faults.required_name("name", new.name.as_deref());
        faults.models("models", new.models.as_deref());
        faults.check()?;
        let (organisation, models) = (access.organisation(), new.models.as_deref());
        let (db, limits) = (&self.db, &new.limits);
        Ok(projects::create(db, organisation, &name, limits, models, act).await?)
    }

    /// Changes a project.
    pub async fn update_project(
        &self,
        access: &Access,
        id: Uuid,
        mut patch: ProjectPatch,
    ) -> Result<Project, Problem> {
        let mut faults = Faults::default();
        patch.name = patch.name.map(|name| faults.name("name", &name));
        faults.models("models", patch.models.as_ref().and_then(Option::as_deref));
        faults.check()?;
        let (db, organisation, id) = (&self.db, access.organisation(), ProjectId(id));
        Ok(projects::update(db, organisation, id, patch, access.act()).await?)
    }

    /// Deletes a project without keys, only if it still has this `version` where one is named.
    pub async fn delete_project(
        &self,
        access: &Access,
        id: Uuid,
        version: Option<i64>,
    ) -> Result<(), Problem> {
        let (db, organisation, id) = (&self.db, access.organisation(), ProjectId(id));
        Ok(projects::delete(db, organisation, id, version, access.act()).await?)
    }
}
