//! One key: where it stands, why its calls are refused, and what is done to it.

use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::answer::{Answer, again, see_other, show};
use super::form::Form;
use super::key_form::{day_before, last_day, project_field};
use super::mistakes::Mistakes;
use super::visitor::Visitor;
use super::{bars, keys, limits, models, query, secret};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Choice, Control, Dialog, Field, Pager, Time};
use crate::dashboard::format::counted;
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{
    ConfirmPage, KeyHead, KeyPage, KeyTab, LimitsTab, PreviousSecret, Refusals, SettingsTab,
};
use crate::dashboard::paths;
use crate::domain::limits::LimitsPatch;
use crate::domain::role::Role;
use crate::domain::tenant::{KeyStatus, ProjectId};
use crate::management::keys::KeyView;
use crate::management::{Access, Faults, Problem};
use crate::store::keys::KeyPatch;

pub(super) mod refusal;
mod usage;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::KEY, get(usage::usage_tab))
        .route(paths::KEY_CALLS, get(usage::calls_tab))
        .route(paths::KEY_LIMITS, get(limits_tab))
        .route(paths::KEY_REFUSALS, get(refusals_tab))
        .route(paths::KEY_SETTINGS, get(settings_tab).post(save))
        .route(paths::KEY_DISABLE, get(ask_disable).post(disable))
        .route(paths::KEY_ENABLE, post(enable))
        .route(paths::KEY_ROTATE, get(ask_rotate).post(rotate))
        .route(paths::KEY_DELETE, get(ask_delete).post(delete))
}

/// A key and what whoever looks may do in its organisation.
struct Found {
    visitor: Visitor,
    access: Access,
    key: KeyView,
}

impl Found {
    async fn of(visitor: Visitor, (org, id): (Uuid, Uuid), least: Role) -> Result<Self, Problem> {
        let access = visitor.enter(org, least)?;
        let key = visitor.management.key(&access, id).await?;
        Ok(Self {
            visitor,
            access,
            key,
        })
    }

    /// The page of a key with one of its tabs.
    async fn page(&self, tab: KeyTab) -> Result<KeyPage, Problem> {
        let (visitor, key) = (&self.visitor, &self.key);
        let can_write = self.access.role() >= Role::Member;
        Ok(KeyPage {
            frame: visitor.frame(&key.name, Section::Keys, &self.access),
            head: self.head(can_write).await?,
            tab,
            dialogs: if can_write {
                vec![self.disabling(), self.rotating(), self.deleting()]
            } else {
                Vec::new()
            },
        })
    }

    async fn head(&self, can_write: bool) -> Result<KeyHead, Problem> {
        let (visitor, key) = (&self.visitor, &self.key);
        let project = visitor
            .management
            .project(&self.access, key.project_id.0)
            .await?;
        let previous = key.previous_secret.as_ref().map(|previous| PreviousSecret {
            display: previous.display.clone(),
            until: Time::exact(previous.grace_until),
            calls: counted(previous.calls_since_rotation, "call", "calls"),
        });
        Ok(KeyHead {
            organisation: self.access.organisation(),
            id: key.id,
            name: key.name.clone(),
            key: keys::badge(key, visitor.management.clock.now()),
            is_active: key.status == KeyStatus::Active,
            can_write,
            project: project.name,
            created: (key.created_by.clone(), Time::day(key.created_at)),
            last_used: key.last_used_at.map(Time::relative),
            expires_at: key.expires_at.map(Time::exact),
            previous,
        })
    }

    fn disabling(&self) -> Dialog {
        Dialog {
            text: "Calls with it are refused within a second. It keeps its limits and its usage, and you can enable it again.".to_owned(),
            is_danger: true,
            ..self.dialog("disable", "Disable", paths::KEY_DISABLE)
        }
    }

    fn rotating(&self) -> Dialog {
        let grace = [
            ("0", "At once"),
            ("3600", "In an hour"),
            ("86400", "In a day"),
            ("604800", "In a week"),
        ];
        let grace = grace.map(|(value, name)| Choice::new(value, name)).to_vec();
        let field = Field::new("The old secret stops", "grace").by(Control::Select(grace));
        let dialog = self.dialog("rotate", "Rotate", paths::KEY_ROTATE);
        // The version makes it one rotation, however often the form is sent.
        let version = self.key.version.to_string();
        Dialog {
            text: "The key gets a new secret, which is shown once. You will see how many calls still use the old one.".to_owned(),
            title: format!("Rotate {}", self.key.name),
            action: query::address(&dialog.action, [("version", version.as_str())]),
            fields: vec![field.value("86400").required()],
            ..dialog
        }
    }

    fn deleting(&self) -> Dialog {
        Dialog {
            text: "All its secrets stop within a second, for good. Its usage stays in the reports."
                .to_owned(),
            typed: Some(self.key.name.clone()),
            is_danger: true,
            submit: "Delete for good",
            ..self.dialog("delete", "Delete", paths::KEY_DELETE)
        }
    }

    fn dialog(&self, id: &'static str, verb: &'static str, pattern: &str) -> Dialog {
        let org = self.access.organisation().to_string();
        let action = pattern.replace("{org}", &org);
        Dialog {
            id,
            title: format!("{verb} {}?", self.key.name),
            text: String::new(),
            action: action.replace("{key}", &self.key.id.to_string()),
            fields: Vec::new(),
            typed: None,
            submit: verb,
            is_danger: false,
        }
    }

    fn ask(&self, dialog: Dialog) -> ConfirmPage {
        ConfirmPage {
            frame: self
                .visitor
                .frame(dialog.title.clone(), Section::Keys, &self.access),
            dialog,
            back: paths::key(self.access.organisation(), self.key.id),
        }
    }

    /// On to the key, saying what was done.
    fn done(&self, what: &str) -> Response {
        let path = paths::key(self.access.organisation(), self.key.id);
        see_other(&query::address(&path, [("done", what)]))
    }
}

async fn limits_tab(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Viewer).await?;
    let management = &found.visitor.management;
    let standings = management.key_standings(&found.access, ids.1).await?;
    let tab = LimitsTab {
        budgets: standings.iter().flat_map(bars::all).collect(),
        rates: standings.iter().flat_map(bars::rates).collect(),
    };
    show(&found.page(KeyTab::Limits(tab)).await?)
}

async fn refusals_tab(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Viewer).await?;
    let management = &found.visitor.management;
    let refusals = management.refusals(&found.access, ids.1, None).await?;
    let total = refusals.hours.iter().map(|hour| hour.count).sum();
    let last = refusals.last.into_iter();
    let tab = Refusals {
        rows: last.map(|row| refusal::row(row, None)).collect(),
        pager: Pager {
            shown: format!("{} in 7 days", counted(total, "refusal", "refusals")),
            first: None,
            next: None,
        },
    };
    show(&found.page(KeyTab::Refusals(tab)).await?)
}

async fn settings_tab(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Viewer).await?;
    let tab = settings(&found, None, &Mistakes::default()).await?;
    show(&found.page(KeyTab::Settings(tab)).await?)
}

async fn save(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    let problem = match change(&found, &form).await {
        Ok(()) => {
            let path = paths::key_settings(found.access.organisation(), found.key.id);
            return Ok(see_other(&query::address(&path, [("done", "saved")])));
        }
        Err(problem) => problem,
    };
    let mistakes = Mistakes::of(problem)?;
    let tab = settings(&found, Some(&form), &mistakes).await?;
    again(&found.page(KeyTab::Settings(tab)).await?)
}

async fn change(found: &Found, form: &Form) -> Result<(), Problem> {
    let mut faults = Faults::default();
    let day = form.text("expires");
    // A time that was not touched stays to the microsecond.
    let kept = found
        .key
        .expires_at
        .filter(|at| day == Some(day_before(*at).as_str()));
    let expires_at = match (day, kept) {
        (None, _) => None,
        (_, Some(kept)) => Some(kept),
        (day, None) => last_day(day, &mut faults),
    };
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
    let version = form
        .text("version")
        .and_then(|version| version.parse().ok());
    let management = &found.visitor.management;
    management
        .update_key(&found.access, found.key.id.0, patch, version)
        .await?;
    Ok(())
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
        version: form
            .and_then(|form| form.text("version")?.parse().ok())
            .unwrap_or(key.version),
    })
}

async fn ask_disable(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    show(&found.ask(found.disabling()))
}

async fn disable(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    set_status(visitor, ids, KeyStatus::Disabled, "disabled").await
}

async fn enable(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    set_status(visitor, ids, KeyStatus::Active, "enabled").await
}

async fn set_status(visitor: Visitor, ids: (Uuid, Uuid), status: KeyStatus, done: &str) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    let patch = KeyPatch {
        status: Some(status),
        ..KeyPatch::default()
    };
    let management = &found.visitor.management;
    management
        .update_key(&found.access, ids.1, patch, None)
        .await?;
    Ok(found.done(done))
}

async fn ask_rotate(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    show(&found.ask(found.rotating()))
}

async fn rotate(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    let grace = form.text("grace").and_then(|seconds| seconds.parse().ok());
    let grace = grace.map(Duration::from_secs);
    let version = found.visitor.query.get("version");
    let version = version.and_then(|version| version.parse().ok());
    let management = &found.visitor.management;
    let rotated = management
        .rotate_key(&found.access, ids.1, grace, version)
        .await?;
    let frame = found
        .visitor
        .frame("New secret", Section::Keys, &found.access);
    let until = rotated
        .key
        .previous_secret
        .as_ref()
        .map(|previous| previous.grace_until);
    let next = paths::key(found.access.organisation(), found.key.id);
    let plain = rotated.secret.ok_or(Problem::Internal)?;
    secret::of_key(management, frame, &rotated.key, plain.expose(), until, next)
}

async fn ask_delete(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    show(&found.ask(found.deleting()))
}

async fn delete(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    if form.get("confirm") != Some(found.key.name.as_str()) {
        return again(&found.ask(found.deleting()));
    }
    let management = &found.visitor.management;
    management.delete_key(&found.access, ids.1, None).await?;
    let path = paths::keys(found.access.organisation());
    Ok(see_other(&query::address(&path, [("done", "deleted")])))
}
