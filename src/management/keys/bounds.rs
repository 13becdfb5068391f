//! What a key may be granted. Whoever may do everything may also set a limit that its project undercuts;
//! members stay within what their project and organisation have.

use uuid::Uuid;

use super::super::{Access, Faults, Management, Problem};
use crate::domain::limits::Limits;
use crate::domain::model_access::ModelAccess;
use crate::domain::tenant::ProjectId;
use crate::store::keys::{Key, KeyPatch};
use crate::store::organisations;
use crate::store::projects::{self, Project};

impl Management {
    /// The project that a key goes to: the one that is asked for, else the default one.
    pub(super) async fn project_of(
        &self,
        access: &Access,
        wanted: Option<Uuid>,
        faults: &mut Faults,
    ) -> Result<Option<Project>, Problem> {
        let organisation = access.organisation();
        let Some(id) = wanted else {
            return Ok(projects::find_default(&self.db, organisation).await?);
        };
        let found = projects::find_by_id(&self.db, organisation, ProjectId(id)).await?;
        if found.is_none() {
            faults.add("project_id", "there is no such project");
        }
        Ok(found)
    }

    /// What `patch` grants to `old`. What it leaves alone is looked at only if the key moves.
    pub(super) async fn check_grants(
        &self,
        access: &Access,
        old: &Key,
        patch: &KeyPatch,
        faults: &mut Faults,
    ) -> Result<(), Problem> {
        let wanted = patch.project_id.unwrap_or(old.project_id);
        let project = self.project_of(access, Some(wanted.0), faults).await?;
        let limits = patch
            .limits
            .as_ref()
            .map(|change| change.apply(&old.limits));
        let limits = match limits {
            Some(Err(missing)) => {
                faults.missing(Some(missing));
                return Ok(());
            }
            Some(Ok(limits)) => Some(limits),
            None => None,
        };
        let moves = wanted != old.project_id;
        let kept = if moves {
            old.limits.clone()
        } else {
            Limits::default()
        };
        let limits = limits.unwrap_or(kept);
        let models = match &patch.models {
            Some(models) => models.as_deref(),
            None if moves => old.models.as_deref(),
            None => None,
        };
        if let Some(project) = &project {
            self.stay_within(access, project, &limits, models, faults)
                .await?;
        }
        Ok(())
    }

    /// Names what a member grants beyond what `project` and its organisation have.
    pub(super) async fn stay_within(
        &self,
        access: &Access,
        project: &Project,
        limits: &Limits,
        models: Option<&[String]>,
        faults: &mut Faults,
    ) -> Result<(), Problem> {
        if access.own_only().is_none() {
            return Ok(());
        }
        let organisation = organisations::find_by_id(&self.db, access.organisation()).await?;
        let organisation = organisation.ok_or(Problem::NotFound)?;
        let bounds = [
            (&project.limits, project.models.as_deref(), "the project"),
            (
                &organisation.limits,
                organisation.models.as_deref(),
                "the organisation",
            ),
        ];
        for (bound, allowed, whose) in bounds {
            for field in limits.above(bound) {
                faults.add(format!("limits.{field}"), format!("{whose} allows less"));
            }
            outside(models, allowed, whose, faults);
        }
        Ok(())
    }
}

/// Names the models that are not among those `allowed`.
fn outside(
    models: Option<&[String]>,
    allowed: Option<&[String]>,
    whose: &str,
    faults: &mut Faults,
) {
    // A list that cannot be read allows nothing to the gateway either.
    let allowed = ModelAccess::compile(allowed).or_else(|_| ModelAccess::compile(Some(&[])));
    let allowed = allowed.unwrap_or_default();
    for (place, model) in models.unwrap_or_default().iter().enumerate() {
        if !allowed.covers(model) {
            let message = format!("{whose} does not allow all of it");
            faults.add(format!("models[{place}]"), message);
        }
    }
}
