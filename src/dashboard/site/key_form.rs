//! The form that creates a key.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use uuid::Uuid;

use super::answer::{Answer, again, see_other, show};
use super::form::Form;
use super::mistakes::Mistakes;
use super::visitor::Visitor;
use super::{limits, models, query, secret};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Choice, Control, Field, LimitFields};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::KeyFormPage;
use crate::dashboard::paths;
use crate::domain::quota::Period;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;
use crate::management::keys::{NewKey, Shown};
use crate::management::{Access, Faults, Made, Problem};

const DAY: Duration = Duration::from_hours(24);

/// When a key may end: what the form sends, what it says, in how many days.
const PRESETS: [(&str, &str, Option<u32>); 5] = [
    ("never", "Never", None),
    ("30d", "In 30 days", Some(30)),
    ("90d", "In 90 days", Some(90)),
    ("365d", "In a year", Some(365)),
    ("on", "On a day…", None),
];

pub(super) fn routes() -> Router<Api> {
    Router::new().route(paths::KEY_NEW, get(form).post(create))
}

async fn form(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Member)?;
    show(&page(&visitor, &access, None, &Mistakes::default()).await?)
}

async fn create(visitor: Visitor, Ids(org): Ids<Uuid>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Member)?;
    let problem = match make(&visitor, &access, &form).await {
        Ok(made) => return reveal(&visitor, &access, made).await,
        Err(problem) => problem,
    };
    let mistakes = Mistakes::of(problem)?;
    again(&page(&visitor, &access, Some(&form), &mistakes).await?)
}

async fn make(visitor: &Visitor, access: &Access, form: &Form) -> Result<Made<Shown>, Problem> {
    let mut faults = Faults::default();
    let now = visitor.management.clock.now();
    let new = NewKey {
        name: Some(form.echo("name")),
        project_id: form.text("project").and_then(|id| id.parse().ok()),
        models: models::read(form),
        limits: limits::read(form, &mut faults),
        expires_at: expiry(form, now, &mut faults),
    };
    faults.check()?;
    let once = form.text("once").map(|name| form.once(name));
    visitor.management.create_key(access, new, once).await
}

/// The page with the secret, the first time; after that the key's own.
async fn reveal(visitor: &Visitor, access: &Access, made: Made<Shown>) -> Answer {
    let Shown { key, secret } = made.thing;
    let next = paths::key_settings(access.organisation(), key.id);
    let Some(plain) = secret else {
        return Ok(see_other(&query::address(&next, [("done", "shown")])));
    };
    let frame = visitor.frame("New key", Section::Keys, access);
    let next = paths::key_limits(access.organisation(), key.id);
    let secret = plain.expose();
    secret::of_key(&visitor.management, access, frame, &key, secret, None, next).await
}

fn expiry(form: &Form, now: Timestamp, faults: &mut Faults) -> Option<Timestamp> {
    let chosen = form.text("expiry").unwrap_or("never");
    if chosen == "on" {
        return last_day(form.text("expiry_day"), faults);
    }
    let preset = PRESETS.iter().find(|(value, ..)| *value == chosen);
    let days = preset.and_then(|(_, _, days)| *days);
    days.map(|days| now.plus(DAY * days))
}

/// The end of a day, UTC.
pub(super) fn last_day(text: Option<&str>, faults: &mut Faults) -> Option<Timestamp> {
    let day = text.and_then(|day| Timestamp::parse(&format!("{day}T00:00:00Z")));
    if day.is_none() {
        faults.add("expires_at", "a day such as 2027-01-31");
    }
    day.map(|day| day.plus(DAY))
}

/// The last whole day before `at`, as a date field takes it.
pub(super) fn day_before(at: Timestamp) -> String {
    let day = Period::Day.start(at.minus(Duration::from_micros(1)));
    day.datetime().format("%Y-%m-%d").to_string()
}

async fn page(
    visitor: &Visitor,
    access: &Access,
    form: Option<&Form>,
    mistakes: &Mistakes,
) -> Result<KeyFormPage, Problem> {
    let management = &visitor.management;
    let echo = |name: &str| form.map(|form| form.echo(name)).unwrap_or_default();
    let organisation = management.own_organisation(access).await?;
    let allowed = organisation.models.as_deref();
    let presets = PRESETS
        .map(|(value, name, _)| Choice::new(value, name))
        .to_vec();
    let chosen = form.map_or("never".to_owned(), |form| form.echo("expiry"));
    let project = project_field(visitor, access, &echo("project")).await?;
    let expiry = Field::new("Expires", "expiry").by(Control::Select(presets));
    let day = Field::new("Last day", "expiry_day").by(Control::Line("date"));
    let day = day
        .hint("It works until the end of that day, UTC.")
        .value(echo("expiry_day"));
    let is_day = chosen == "on";
    let (mut expiry, mut day) = (expiry.value(chosen).required(), day);
    let wrong = mistakes.at("expires_at");
    if is_day {
        day.error = wrong;
    } else {
        expiry.error = wrong;
    }
    let name = Field::new("Name", "name").required();
    let name = name
        .hint("For people: where the key is used.")
        .value(echo("name"));
    let name = if form.is_none() { name.first() } else { name };
    Ok(KeyFormPage {
        frame: visitor.frame("Create key", Section::Keys, access),
        organisation: access.organisation(),
        once: form
            .and_then(|form| form.text("once")?.parse().ok())
            .unwrap_or_else(Uuid::now_v7),
        name: mistakes.mark(name, "name"),
        project: mistakes.mark(project, "project_id"),
        expiry,
        expiry_day: day,
        limits: form.map_or_else(LimitFields::default, |form| limits::echo(form, mistakes)),
        models: match form {
            Some(form) => models::echo(management, allowed, form, mistakes),
            None => models::fill(management, allowed, None),
        },
    })
}

/// The projects of an organisation, to choose one.
pub(super) async fn project_field(
    visitor: &Visitor,
    access: &Access,
    chosen: &str,
) -> Result<Field, Problem> {
    let projects = visitor.management.projects(access).await?;
    let usual = projects.iter().find(|project| project.is_default);
    let usual = usual
        .map(|project| project.id.to_string())
        .unwrap_or_default();
    let choice = |project: &crate::store::projects::Project| {
        Choice::new(project.id.to_string(), project.name.clone())
    };
    let choices = projects.iter().map(choice).collect();
    let field = Field::new("Project", "project")
        .by(Control::Select(choices))
        .required();
    Ok(field.value(if chosen.is_empty() {
        usual.as_str()
    } else {
        chosen
    }))
}
