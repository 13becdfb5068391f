//! A key's form: its name and place, its limits, its models.

use uuid::Uuid;

use super::Found;
use crate::api::ids::Ids;
use crate::dashboard::components::{Control, Field};
use crate::dashboard::pages::{KeyTab, SettingsTab};
use crate::dashboard::paths;
use crate::dashboard::site::answer::{Answer, again, meanwhile, see_other, show};
use crate::dashboard::site::form::Form;
use crate::dashboard::site::key_form::{day_before, last_day, project_field};
use crate::dashboard::site::mistakes::Mistakes;
use crate::dashboard::site::visitor::Visitor;
use crate::dashboard::site::{conflict, limits, models, query};
use crate::domain::limits::LimitsPatch;
use crate::domain::role::Role;
use crate::domain::tenant::ProjectId;
use crate::domain::time::Timestamp;
use crate::management::{Faults, Problem};
use crate::store::keys::KeyPatch;

pub(super) async fn settings_tab(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Viewer).await?;
    let tab = settings(&found, None, &Mistakes::default()).await?;
    show(&found.page(KeyTab::Settings(tab)).await?)
}

pub(super) async fn save(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    let problem = match change(&found, &form).await {
        Ok(()) => {
            let saved = query::address(&path(&found), [("done", "saved")]);
            return Ok(see_other(&saved));
        }
        Err(Problem::VersionConflict) => return changed_meanwhile(found, &form).await,
        Err(problem) => problem,
    };
    let mistakes = Mistakes::of(problem)?;
    let tab = settings(&found, Some(&form), &mistakes).await?;
    again(&found.page(KeyTab::Settings(tab)).await?)
}

/// The form again, as it was sent, over the key as it is now.
async fn changed_meanwhile(found: Found, form: &Form) -> Answer {
    let ids = (found.access.organisation().0, found.key.id.0);
    let found = Found::of(found.visitor, ids, Role::Member).await?;
    let none = Mistakes::default();
    let stored = settings(&found, None, &none).await?;
    let typed = settings(&found, Some(form), &none).await?;
    let fields = [
        conflict::of_field(&stored.name, &typed.name),
        conflict::of_field(&stored.project, &typed.project),
        conflict::of_field(&stored.expiry, &typed.expiry),
    ];
    let limits = limits::differences(&found.key.limits, form);
    let models = models::difference(found.key.models.as_deref(), form);
    let differences = fields.into_iter().flatten().chain(limits).chain(models);
    let tab = SettingsTab {
        version: stored.version,
        conflict: Some(conflict::over("key", differences, path(&found))),
        ..typed
    };
    meanwhile(&found.page(KeyTab::Settings(tab)).await?)
}

fn path(found: &Found) -> String {
    paths::key_settings(found.access.organisation(), found.key.id)
}

async fn change(found: &Found, form: &Form) -> Result<(), Problem> {
    let mut faults = Faults::default();
    let expires_at = expiry(found.key.expires_at, form.text("expires"), &mut faults);
    let patch = KeyPatch {
        name: form.get("name").map(str::to_owned),
        project_id: form
            .text("project")
            .and_then(|id| id.parse().ok())
            .map(ProjectId),
        models: Some(models::read(form)),
        limits: Some(LimitsPatch::from(limits::read(form, &mut faults))),
        expires_at: Some(expires_at),
        ..KeyPatch::default()
    };
    faults.check()?;
    let management = &found.visitor.management;
    management
        .update_key(&found.access, found.key.id.0, patch, form.version())
        .await?;
    Ok(())
}

/// The end of the day that was chosen. A time that was not touched stays to the microsecond.
fn expiry(own: Option<Timestamp>, day: Option<&str>, faults: &mut Faults) -> Option<Timestamp> {
    let day = day?;
    let kept = own.filter(|at| day == day_before(*at));
    kept.or_else(|| last_day(Some(day), faults))
}

async fn settings(
    found: &Found,
    form: Option<&Form>,
    mistakes: &Mistakes,
) -> Result<SettingsTab, Problem> {
    let Found {
        visitor,
        access,
        key,
    } = found;
    let echo = |name: &str, own: String| form.map_or(own, |form| form.echo(name));
    let organisation = visitor.management.own_organisation(access).await?;
    let allowed = organisation.models.as_deref();
    let project = echo("project", key.project_id.to_string());
    let project = project_field(visitor, access, &project).await?;
    let name = Field::new("Name", "name")
        .required()
        .value(echo("name", key.name.clone()));
    let expiry = Field::new("Last day", "expires")
        .by(Control::Line("date"))
        .value(echo(
            "expires",
            key.expires_at.map(day_before).unwrap_or_default(),
        ))
        .hint("Empty: it never expires.");
    let own = key.models.as_deref();
    Ok(SettingsTab {
        name: mistakes.mark(name, "name"),
        project: mistakes.mark(project, "project_id"),
        expiry: mistakes.mark(expiry, "expires_at"),
        limits: match form {
            Some(form) => limits::echo(form, mistakes),
            None => limits::fill(&key.limits),
        },
        models: match form {
            Some(form) => models::echo(&visitor.management, allowed, form, mistakes),
            None => models::fill(&visitor.management, allowed, own),
        },
        version: form.and_then(Form::version).unwrap_or(key.version),
        conflict: None,
    })
}
