//! Projects of an organisation.

use axum::Router;
use axum::routing::get;
use uuid::Uuid;

use super::answer::{Answer, again, meanwhile, see_other, show};
use super::form::Form;
use super::mistakes::Mistakes;
use super::visitor::Visitor;
use super::{bars, conflict, limits, models, query};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Dialog, Field, LimitFields};
use crate::dashboard::format::{grouped, money};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{ConfirmPage, ProjectFormPage, ProjectRow, ProjectsPage};
use crate::dashboard::paths;
use crate::domain::limits::LimitsPatch;
use crate::domain::role::Role;
use crate::management::projects::NewProject;
use crate::management::{Access, Faults, Problem};
use crate::store::projects::{Project, ProjectPatch};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::PROJECTS, get(projects))
        .route(paths::PROJECT_NEW, get(new).post(create))
        .route(paths::PROJECT, get(edit).post(save))
        .route(paths::PROJECT_DELETE, get(ask_delete).post(delete))
}

async fn projects(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Viewer)?;
    let management = &visitor.management;
    let sums = management.project_sums(&access).await?;
    let sees_all = access.own_only().is_none();
    let mut rows = Vec::new();
    let projects = management.projects(&access).await?;
    let standings = management.standings_of_projects(&projects).await?;
    for (project, standings) in projects.into_iter().zip(standings) {
        let sum = sums.get(&project.id).copied().unwrap_or_default();
        let unless_hidden = |text: String| if sees_all { text } else { "–".to_owned() };
        rows.push(ProjectRow {
            id: project.id,
            keys: unless_hidden(grouped(sum.keys)),
            models: models::summary(project.models.as_deref()),
            quota: bars::first(&standings),
            cost: unless_hidden(money(sum.cost_nano)),
            name: project.name,
        });
    }
    show(&ProjectsPage {
        frame: visitor.frame("Projects", Section::Projects, &access),
        organisation: access.organisation(),
        can_write: access.role() >= Role::Admin,
        rows,
        // The default project is always there.
        empty: None,
    })
}

async fn new(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    show(&page(&visitor, &access, None, None, &Mistakes::default()).await?)
}

async fn create(visitor: Visitor, Ids(org): Ids<Uuid>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let made = async {
        let mut faults = Faults::default();
        let new = NewProject {
            name: Some(form.echo("name")),
            limits: limits::read(&form, &mut faults),
            models: models::read(&form),
        };
        faults.check()?;
        visitor.management.create_project(&access, new, None).await
    };
    match made.await {
        Ok(_) => Ok(done(&access, "created")),
        Err(problem) => {
            let mistakes = Mistakes::of(problem)?;
            again(&page(&visitor, &access, None, Some(&form), &mistakes).await?)
        }
    }
}

async fn edit(visitor: Visitor, Ids((org, id)): Ids<(Uuid, Uuid)>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let project = visitor.management.project(&access, id).await?;
    show(
        &page(
            &visitor,
            &access,
            Some(&project),
            None,
            &Mistakes::default(),
        )
        .await?,
    )
}

async fn save(visitor: Visitor, Ids((org, id)): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let project = visitor.management.project(&access, id).await?;
    let changed = async {
        let mut faults = Faults::default();
        let patch = ProjectPatch {
            name: Some(form.echo("name")),
            limits: Some(LimitsPatch::from(limits::read(&form, &mut faults))),
            models: Some(models::read(&form)),
            version: form.version(),
        };
        faults.check()?;
        visitor.management.update_project(&access, id, patch).await
    };
    match changed.await {
        Ok(_) => Ok(done(&access, "saved")),
        Err(Problem::VersionConflict) => changed_meanwhile(&visitor, &access, id, &form).await,
        Err(problem) => {
            let mistakes = Mistakes::of(problem)?;
            again(&page(&visitor, &access, Some(&project), Some(&form), &mistakes).await?)
        }
    }
}

/// The form again, as it was sent, over the project as it is now.
async fn changed_meanwhile(visitor: &Visitor, access: &Access, id: Uuid, form: &Form) -> Answer {
    let project = visitor.management.project(access, id).await?;
    let none = Mistakes::default();
    let stored = page(visitor, access, Some(&project), None, &none).await?;
    let typed = page(visitor, access, Some(&project), Some(form), &none).await?;
    let differences = conflict::of_field(&stored.name, &typed.name)
        .into_iter()
        .chain(limits::differences(&project.limits, form))
        .chain(models::difference(project.models.as_deref(), form));
    let discard = paths::project(access.organisation(), project.id);
    meanwhile(&ProjectFormPage {
        version: stored.version,
        conflict: Some(conflict::over("project", differences, discard)),
        ..typed
    })
}

async fn ask_delete(visitor: Visitor, Ids((org, id)): Ids<(Uuid, Uuid)>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let project = visitor.management.project(&access, id).await?;
    show(&question(&visitor, &access, &project))
}

async fn delete(visitor: Visitor, Ids((org, id)): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let project = visitor.management.project(&access, id).await?;
    let question = question(&visitor, &access, &project);
    if !question.dialog.is_confirmed(form.get("confirm")) {
        return again(&question);
    }
    visitor.management.delete_project(&access, id, None).await?;
    Ok(done(&access, "deleted"))
}

fn done(access: &Access, what: &str) -> axum::response::Response {
    let path = paths::projects(access.organisation());
    see_other(&query::address(&path, [("done", what)]))
}

fn question(visitor: &Visitor, access: &Access, project: &Project) -> ConfirmPage {
    ConfirmPage {
        frame: visitor.frame("Delete project", Section::Projects, access),
        dialog: deleting(access, project),
        back: paths::project(access.organisation(), project.id),
    }
}

fn deleting(access: &Access, project: &Project) -> Dialog {
    Dialog {
        id: "delete",
        title: format!("Delete {}?", project.name),
        text: "Only a project without keys can be deleted. Its usage stays in the reports."
            .to_owned(),
        action: paths::project_delete(access.organisation(), project.id),
        fields: Vec::new(),
        typed: Some(project.name.clone()),
        submit: "Delete for good",
        is_danger: true,
    }
}

async fn page(
    visitor: &Visitor,
    access: &Access,
    project: Option<&Project>,
    form: Option<&Form>,
    mistakes: &Mistakes,
) -> Result<ProjectFormPage, Problem> {
    let management = &visitor.management;
    let own = project.map(|project| project.name.clone());
    let title = own.clone().unwrap_or_else(|| "Create project".to_owned());
    let organisation = management.own_organisation(access).await?;
    let allowed = organisation.models.as_deref();
    let chosen = project.and_then(|project| project.models.as_deref());
    let name = form.map_or(own.unwrap_or_default(), |form| form.echo("name"));
    let name = Field::new("Name", "name").required().value(name);
    let can_go = project.filter(|project| !project.is_default);
    Ok(ProjectFormPage {
        frame: visitor.frame(title, Section::Projects, access),
        organisation: access.organisation(),
        id: project.map(|project| project.id),
        name: mistakes.mark(name, "name"),
        limits: match (form, project) {
            (Some(form), _) => limits::echo(form, mistakes),
            (None, Some(project)) => limits::fill(&project.limits),
            (None, None) => LimitFields::default(),
        },
        models: match form {
            Some(form) => models::echo(management, allowed, form, mistakes),
            None => models::fill(management, allowed, chosen),
        },
        version: form
            .and_then(Form::version)
            .or(project.map(|project| project.version)),
        conflict: None,
        delete: can_go.map(|project| deleting(access, project)),
    })
}
