//! What operators see and do: organisations as wholes, and providers. Never a tenant's keys.

use axum::Router;
use axum::routing::{get, post};
use uuid::Uuid;

use super::answer::{Answer, again, meanwhile, see_other, show};
use super::door::email_field;
use super::form::Form;
use super::mistakes::Mistakes;
use super::visitor::Visitor;
use super::{bars, conflict, limits, query};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Dialog, Field, Filters, LimitFields, Pager, Pill, Tone};
use crate::dashboard::format::{compact, counted, grouped, money};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{
    ConfirmPage, OrganisationFormPage, OrganisationRow, OrganisationsPage,
};
use crate::dashboard::paths;
use crate::domain::limits::LimitsPatch;
use crate::domain::role::Role;
use crate::domain::tenant::OrganisationStatus;
use crate::management::organisations::NewOrganisation;
use crate::management::{Faults, Problem, Standings};
use crate::store::organisations::{Organisation, OrganisationPatch};

/// Organisations of a page.
const PAGE: usize = 25;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::OPERATOR_ORGS, get(organisations))
        .route(paths::OPERATOR_ORG_NEW, get(new).post(create))
        .route(paths::OPERATOR_ORG, get(edit).post(save))
        .route(paths::OPERATOR_ORG_SUSPEND, get(ask_suspend).post(suspend))
        .route(paths::OPERATOR_ORG_RESUME, post(resume))
}

async fn organisations(visitor: Visitor) -> Answer {
    let all = visitor.management.organisations(&visitor.signed).await?;
    let wanted = visitor.query.get("q").unwrap_or_default().to_owned();
    let lower = wanted.to_lowercase();
    let mut found: Vec<_> = all
        .into_iter()
        .filter(|one| lower.is_empty() || one.name.to_lowercase().contains(&lower))
        .collect();
    found.sort_by(|one, next| one.name.cmp(&next.name));
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let after = visitor.query.get("after").unwrap_or_default().to_owned();
    let rest = found.into_iter().filter(|one| one.name > after);
    let mut shown: Vec<_> = rest.take(PAGE + 1).collect();
    let is_more = shown.len() > PAGE;
    shown.truncate(PAGE);
    let path = paths::operator_orgs();
    let last = shown.last().map(|one| one.name.clone()).filter(|_| is_more);
    let next =
        last.map(|last| query::address(&path, [("q", wanted.as_str()), ("after", last.as_str())]));
    let rows = rows(&visitor, shown).await?;
    show(&OrganisationsPage {
        frame: visitor.bare_frame("Organisations", Section::Organisations),
        filters: Filters {
            action: path.clone(),
            search: "Search organisations",
            query: wanted,
            kept: Vec::new(),
            chips: Vec::new(),
        },
        rows,
        pager: Pager {
            shown: counted(total, "organisation", "organisations"),
            first: (!after.is_empty()).then_some(path),
            next,
        },
    })
}

async fn rows(
    visitor: &Visitor,
    shown: Vec<Organisation>,
) -> Result<Vec<OrganisationRow>, Problem> {
    let management = &visitor.management;
    let ids: Vec<_> = shown.iter().map(|one| one.id).collect();
    let sums = management.organisation_sums(&visitor.signed, &ids).await?;
    let standings = management.standings_of_organisations(&shown).await?;
    let rows = shown.into_iter().zip(&standings);
    let row = |(one, standings): (Organisation, &Standings)| {
        let sums = sums.get(&one.id).copied().unwrap_or_default();
        OrganisationRow {
            id: one.id,
            status: match one.status {
                OrganisationStatus::Active => Pill::new("Active", Tone::Good),
                OrganisationStatus::Suspended => Pill::new("Suspended", Tone::Bad),
            },
            name: one.name,
            keys: grouped(sums.keys),
            requests: compact(sums.requests),
            tokens: compact(sums.tokens),
            cost: money(sums.cost_nano),
            quota: bars::first(standings),
        }
    };
    Ok(rows.map(row).collect())
}

async fn new(visitor: Visitor) -> Answer {
    visitor.management.operator(&visitor.signed)?;
    show(&page(&visitor, None, None, &Mistakes::default()))
}

/// Makes an organisation; with an owner's address, on to the link that invites them.
async fn create(visitor: Visitor, form: Form) -> Answer {
    let made = async {
        let mut faults = Faults::default();
        let new = NewOrganisation {
            name: Some(form.echo("name")),
            limits: limits::read(&form, &mut faults),
        };
        if let Some(owner) = form.text("email") {
            faults.email("email", Some(owner));
        }
        faults.check()?;
        let management = &visitor.management;
        management
            .create_organisation(&visitor.signed, new, None)
            .await
    };
    let made = match made.await {
        Ok(made) => made.thing,
        Err(problem) => {
            let mistakes = Mistakes::of(problem)?;
            return again(&page(&visitor, None, Some(&form), &mistakes));
        }
    };
    let Some(owner) = form.text("email") else {
        return Ok(done("created"));
    };
    let management = &visitor.management;
    let access = management
        .access_to_invite(&visitor.signed, made.id.0)
        .await?;
    let invited = management
        .invite(&access, Some(owner), Some(Role::Owner), None)
        .await?;
    let Some((_, link)) = invited.thing.shown else {
        return Ok(done("created"));
    };
    let frame = visitor.bare_frame(made.name.clone(), Section::Organisations);
    super::secret::of_invitation(frame, &made.name, &link, paths::operator_orgs())
}

async fn edit(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let found = found(&visitor, org).await?;
    show(&page(&visitor, Some(&found), None, &Mistakes::default()))
}

async fn save(visitor: Visitor, Ids(org): Ids<Uuid>, form: Form) -> Answer {
    let found = found(&visitor, org).await?;
    let changed = async {
        let mut faults = Faults::default();
        let patch = OrganisationPatch {
            name: Some(form.echo("name")),
            limits: Some(LimitsPatch::from(limits::read(&form, &mut faults))),
            version: form.version(),
            ..OrganisationPatch::default()
        };
        faults.check()?;
        let management = &visitor.management;
        management
            .update_organisation(&visitor.signed, org, patch)
            .await
    };
    match changed.await {
        Ok(_) => Ok(done("saved")),
        Err(Problem::VersionConflict) => changed_meanwhile(&visitor, org, &form).await,
        Err(problem) => {
            let mistakes = Mistakes::of(problem)?;
            again(&page(&visitor, Some(&found), Some(&form), &mistakes))
        }
    }
}

/// The form again, as it was sent, over the organisation as it is now.
async fn changed_meanwhile(visitor: &Visitor, org: Uuid, form: &Form) -> Answer {
    let found = found(visitor, org).await?;
    let stored = page(visitor, Some(&found), None, &Mistakes::default());
    let typed = page(visitor, Some(&found), Some(form), &Mistakes::default());
    let name = conflict::of_field(&stored.name, &typed.name);
    let limits = limits::differences(&found.limits, form);
    let differences = name.into_iter().chain(limits);
    let discard = paths::operator_org(found.id);
    meanwhile(&OrganisationFormPage {
        version: stored.version,
        conflict: Some(conflict::over("organisation", differences, discard)),
        ..typed
    })
}

async fn ask_suspend(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let found = found(&visitor, org).await?;
    show(&ConfirmPage {
        frame: visitor.bare_frame("Suspend", Section::Organisations),
        dialog: suspending(&found),
        back: paths::operator_org(found.id),
    })
}

async fn suspend(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    set_status(&visitor, org, OrganisationStatus::Suspended).await?;
    Ok(done("suspended"))
}

async fn resume(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    set_status(&visitor, org, OrganisationStatus::Active).await?;
    Ok(done("resumed"))
}

async fn set_status(
    visitor: &Visitor,
    org: Uuid,
    status: OrganisationStatus,
) -> Result<(), Problem> {
    visitor.management.operator(&visitor.signed)?;
    let patch = OrganisationPatch {
        status: Some(status),
        ..OrganisationPatch::default()
    };
    visitor
        .management
        .update_organisation(&visitor.signed, org, patch)
        .await?;
    Ok(())
}

async fn found(visitor: &Visitor, org: Uuid) -> Result<Organisation, Problem> {
    visitor.management.operator(&visitor.signed)?;
    visitor.management.organisation(&visitor.signed, org).await
}

fn done(what: &str) -> axum::response::Response {
    see_other(&query::address(&paths::operator_orgs(), [("done", what)]))
}

fn suspending(organisation: &Organisation) -> Dialog {
    Dialog {
        id: "suspend",
        title: format!("Suspend {}?", organisation.name),
        text: "All its keys are refused within a second, until you resume it. Its people can still look.".to_owned(),
        action: paths::operator_org_suspend(organisation.id),
        fields: Vec::new(),
        typed: None,
        submit: "Suspend",
        is_danger: true,
    }
}

fn page(
    visitor: &Visitor,
    organisation: Option<&Organisation>,
    form: Option<&Form>,
    mistakes: &Mistakes,
) -> OrganisationFormPage {
    let own = organisation.map(|one| one.name.clone());
    let title = own
        .clone()
        .unwrap_or_else(|| "Create organisation".to_owned());
    let name = form.map_or(own.unwrap_or_default(), |form| form.echo("name"));
    let name = Field::new("Name", "name").required().value(name);
    let is_active = |one: &Organisation| one.status == OrganisationStatus::Active;
    let mut owner = email_field().autocomplete("off");
    owner.label = "Owner's e-mail";
    owner.is_required = false;
    owner.value = form.map(|form| form.echo("email")).unwrap_or_default();
    let owner = owner.hint("You get a link to hand on to them.");
    OrganisationFormPage {
        frame: visitor.bare_frame(title, Section::Organisations),
        existing: organisation.map(|one| (one.id, is_active(one))),
        name: mistakes.mark(name, "name"),
        owner: organisation
            .is_none()
            .then(|| mistakes.mark(owner, "email")),
        limits: match (form, organisation) {
            (Some(form), _) => limits::echo(form, mistakes),
            (None, Some(one)) => limits::fill(&one.limits),
            (None, None) => LimitFields::default(),
        },
        version: form
            .and_then(Form::version)
            .or(organisation.map(|one| one.version)),
        conflict: None,
        suspend: organisation.filter(|one| is_active(one)).map(suspending),
    }
}
