//! One key: where it stands, why its calls are refused, and what is done to it.

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::answer::{Answer, see_other, show};
use super::visitor::Visitor;
use super::{bars, keys, query};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Pager, Time};
use crate::dashboard::format::counted;
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{KeyHead, KeyPage, KeyTab, LimitsTab, PreviousSecret, Refusals};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::domain::tenant::KeyStatus;
use crate::management::keys::KeyView;
use crate::management::{Access, Problem};

mod acts;
mod calls;
mod questions;
pub(super) mod refusal;
mod settings;
mod usage;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::KEY, get(usage::usage_tab))
        .route(paths::KEY_CALLS, get(calls::calls_tab))
        .route(paths::KEY_LIMITS, get(limits_tab))
        .route(paths::KEY_REFUSALS, get(refusals_tab))
        .route(
            paths::KEY_SETTINGS,
            get(settings::settings_tab).post(settings::save),
        )
        .route(
            paths::KEY_DISABLE,
            get(acts::ask_disable).post(acts::disable),
        )
        .route(paths::KEY_ENABLE, post(acts::enable))
        .route(paths::KEY_ROTATE, get(acts::ask_rotate).post(acts::rotate))
        .route(paths::KEY_DELETE, get(acts::ask_delete).post(acts::delete))
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
            project: (project.id, project.name),
            created: (key.created_by.clone(), Time::day(key.created_at)),
            last_used: key.last_used_at.map(Time::relative),
            quota: bars::nearest(key),
            expires_at: key.expires_at.map(Time::exact),
            previous,
        })
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
