//! All keys of an organisation.

use std::collections::HashMap;

use axum::Router;
use axum::routing::{get, post};
use uuid::Uuid;

use super::answer::{Answer, show};
use super::visitor::Visitor;
use super::{bars, models, secret};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Empty, KeyBadge, Pager, Pill, Sparkline, Time, Tone};
use crate::dashboard::format::{compact, counted, grouped};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{KeyRow, KeysPage};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::domain::tenant::{KeyStatus, ProjectId};
use crate::domain::time::Timestamp;
use crate::management::Access;
use crate::management::keys::KeyView;

mod asked;
mod bulk;

/// A key that ends within so many days says so.
const SOON: std::time::Duration = std::time::Duration::from_hours(24 * 7);

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::KEYS, get(keys))
        .route(paths::KEYS_BULK, post(bulk::bulk))
}

async fn keys(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Viewer)?;
    let (management, query) = (&visitor.management, &visitor.query);
    let page = management.keys(&access, asked::wanted(query)).await?;
    let courses = management.courses(&page.keys, 14).await?;
    let projects = management.projects(&access).await?.into_iter();
    let projects = projects.map(|project| (project.id, project.name)).collect();
    let can_write = access.role() >= Role::Member;
    let is_empty = page.keys.is_empty() && asked::is_whole(query);
    let shown = i64::try_from(page.keys.len()).unwrap_or(0);
    let place = |cursor: &str| asked::link(&access, query, ("cursor", cursor));
    let now = management.clock.now();
    let rows = page.keys.into_iter().zip(courses);
    show(&KeysPage {
        frame: visitor.frame("Keys", Section::Keys, &access),
        organisation: access.organisation(),
        can_write,
        filters: asked::filters(&access, query, &projects),
        head: asked::head(&access, query),
        rows: rows
            .map(|(key, course)| row(key, course, &projects, now))
            .collect(),
        pager: Pager {
            shown: counted(shown, "key", "keys"),
            first: query.get("cursor").map(|_| place("")),
            next: page.next.as_deref().map(place),
        },
        empty: is_empty.then(|| empty(&visitor, &access, can_write)),
    })
}

fn row(
    key: KeyView,
    course: Vec<i64>,
    projects: &HashMap<ProjectId, String>,
    now: Timestamp,
) -> KeyRow {
    let rate = key.limits.requests_per_minute;
    KeyRow {
        id: key.id,
        key: badge(&key, now),
        project: (
            key.project_id,
            projects.get(&key.project_id).cloned().unwrap_or_default(),
        ),
        models: models::summary(key.models.as_deref()),
        per_minute: rate.map_or_else(|| "–".to_owned(), |rate| grouped(i64::from(rate))),
        quota: bars::of_key(&key),
        last_used: key.last_used_at.map(Time::relative),
        tokens: compact(key.usage.tokens_30d),
        sparkline: Sparkline {
            values: course,
            label: "Requests in 14 days".to_owned(),
        },
        created: (key.created_by, Time::day(key.created_at)),
        name: key.name,
    }
}

/// What a key looks like, and its state.
pub(super) fn badge(key: &KeyView, now: Timestamp) -> KeyBadge {
    let (word, tone) = match (key.status, key.expires_at) {
        (KeyStatus::Disabled, _) => ("Disabled", Tone::Plain),
        (_, Some(at)) if at <= now => ("Expired", Tone::Bad),
        (_, Some(at)) if at <= now.plus(SOON) => ("Expires soon", Tone::Warning),
        _ => ("Active", Tone::Good),
    };
    KeyBadge {
        display: key.display.clone(),
        status: Some(Pill::new(word, tone)),
    }
}

/// What stands where no key is yet.
pub(super) fn empty(visitor: &Visitor, access: &Access, can_write: bool) -> Empty {
    let address = paths::key_new(access.organisation());
    Empty {
        icon: "key-round",
        title: "No key yet",
        text: "A key lets a program call models through this gateway, within the limits that you set.",
        action: can_write.then_some((address, "Create key")),
        snippet: Some(secret::first_line(&visitor.management)),
    }
}
