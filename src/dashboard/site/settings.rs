//! An organisation's name, and what the operator allows it.

use axum::Router;
use axum::routing::get;
use uuid::Uuid;

use super::answer::{Answer, again, meanwhile, see_other, show};
use super::form::Form;
use super::mistakes::Mistakes;
use super::visitor::Visitor;
use super::{bars, conflict, query};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::Field;
use crate::dashboard::frame::Section;
use crate::dashboard::pages::SettingsPage;
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::management::{Access, Problem};
use crate::store::organisations::OrganisationPatch;

pub(super) fn routes() -> Router<Api> {
    Router::new().route(paths::SETTINGS, get(settings).post(save))
}

async fn settings(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Viewer)?;
    show(&page(&visitor, &access, None, &Mistakes::default()).await?)
}

async fn save(visitor: Visitor, Ids(org): Ids<Uuid>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Owner)?;
    let patch = OrganisationPatch {
        name: Some(form.echo("name")),
        version: form.version(),
        ..OrganisationPatch::default()
    };
    let management = &visitor.management;
    match management
        .update_organisation(&visitor.signed, org, patch)
        .await
    {
        Ok(_) => {
            let next = paths::settings(access.organisation());
            Ok(see_other(&query::address(&next, [("done", "saved")])))
        }
        Err(Problem::VersionConflict) => changed_meanwhile(&visitor, &access, &form).await,
        Err(problem) => {
            let mistakes = Mistakes::of(problem)?;
            again(&page(&visitor, &access, Some(&form), &mistakes).await?)
        }
    }
}

/// The form again, as it was sent, over the organisation as it is now.
async fn changed_meanwhile(visitor: &Visitor, access: &Access, form: &Form) -> Answer {
    let stored = page(visitor, access, None, &Mistakes::default()).await?;
    let typed = page(visitor, access, Some(form), &Mistakes::default()).await?;
    let name = conflict::of_field(&stored.name, &typed.name);
    let discard = paths::settings(access.organisation());
    meanwhile(&SettingsPage {
        version: stored.version,
        conflict: Some(conflict::over("organisation", name, discard)),
        ..typed
    })
}

async fn page(
    visitor: &Visitor,
    access: &Access,
    form: Option<&Form>,
    mistakes: &Mistakes,
) -> Result<SettingsPage, Problem> {
    let organisation = visitor.management.own_organisation(access).await?;
    let standings = visitor
        .management
        .organisation_standings(&organisation)
        .await?;
    let name = form.map_or(organisation.name.clone(), |form| form.echo("name"));
    let name = Field::new("Name", "name").required().value(name);
    Ok(SettingsPage {
        frame: visitor.frame("Settings", Section::Settings, access),
        organisation: access.organisation(),
        can_write: access.role() >= Role::Owner,
        name: mistakes.mark(name, "name"),
        version: form.and_then(Form::version).unwrap_or(organisation.version),
        conflict: None,
        budgets: bars::all(&standings),
        limits: bars::others(&organisation.limits),
    })
}
