//! All keys of an organisation, and what is done to several of them.

use std::collections::HashMap;

use axum::Router;
use axum::routing::{get, post};
use uuid::Uuid;

use super::answer::{Answer, again, see_other, show};
use super::form::Form;
use super::query::{self, Query};
use super::visitor::Visitor;
use super::{bars, models, secret};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{
    Chip, Column, Dialog, Empty, Filters, Head, KeyBadge, Order, Pager, Pill, Sparkline, Time, Tone,
};
use crate::dashboard::format::{counted, grouped};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{ConfirmPage, KeyRow, KeysPage};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::domain::tenant::{KeyStatus, ProjectId};
use crate::domain::time::Timestamp;
use crate::management::keys::{BulkAction, KeyQuery, KeyView};
use crate::management::{Access, Problem};
use crate::store::keys::{Finding, Sort};

/// Keys of a page.
const PAGE: usize = 50;

/// A key that ends within so many days says so.
const SOON: std::time::Duration = std::time::Duration::from_hours(24 * 7);

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::KEYS, get(keys))
        .route(paths::KEYS_BULK, post(bulk))
}

/// What a list is asked for, as its address says it.
const KEPT: [&str; 4] = ["status", "finding", "project", "sort"];

const CHIPS: [(&str, &str, &str); 7] = [
    ("All", "", ""),
    ("Active", "status", "active"),
    ("Disabled", "status", "disabled"),
    ("Idle for 30 days", "finding", "idle"),
    ("Without expiry", "finding", "no_expiry"),
    ("Without limit", "finding", "no_limit"),
    ("Old secret in use", "finding", "grace_in_use"),
];

async fn keys(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Viewer)?;
    let wanted = wanted(&visitor.query);
    let page = visitor.management.keys(&access, wanted).await?;
    let courses = visitor.management.courses(&page.keys, 14).await?;
    let projects = visitor.management.projects(&access).await?;
    let projects: HashMap<ProjectId, String> = projects
        .into_iter()
        .map(|project| (project.id, project.name))
        .collect();
    let is_narrowed = ["q", "status", "finding", "project", "cursor"];
    let is_narrowed = is_narrowed
        .iter()
        .any(|name| visitor.query.get(name).is_some());
    let (now, can_write) = (
        visitor.management.clock.now(),
        access.role() >= Role::Member,
    );
    let empty = (page.keys.is_empty() && !is_narrowed).then(|| empty(&visitor, &access, can_write));
    let shown = i64::try_from(page.keys.len()).unwrap_or(0);
    let query = &visitor.query;
    let next = page
        .next
        .as_deref()
        .map(|cursor| link(&access, query, ("cursor", cursor)));
    let rows = page.keys.into_iter().zip(courses);
    show(&KeysPage {
        frame: visitor.frame("Keys", Section::Keys, &access),
        organisation: access.organisation(),
        can_write,
        filters: filters(&access, query),
        head: head(&access, query),
        rows: rows
            .map(|(key, course)| row(key, course, &projects, now))
            .collect(),
        pager: Pager {
            shown: counted(shown, "key", "keys"),
            first: query
                .get("cursor")
                .map(|_| link(&access, query, ("cursor", ""))),
            next,
        },
        empty,
    })
}

fn wanted(query: &Query) -> KeyQuery {
    let (name, descending) = match query.get("sort") {
        Some(sort) => match sort.strip_prefix('-') {
            Some(name) => (name, true),
            None => (sort, false),
        },
        None => ("created", true),
    };
    KeyQuery {
        search: query.get("q").map(str::to_owned),
        status: match query.get("status") {
            Some("active") => Some(KeyStatus::Active),
            Some("disabled") => Some(KeyStatus::Disabled),
            _ => None,
        },
        project: query.get("project").and_then(|id| id.parse().ok()),
        finding: match query.get("finding") {
            Some("idle") => Some(Finding::Idle),
            Some("no_expiry") => Some(Finding::NoExpiry),
            Some("no_limit") => Some(Finding::NoLimit),
            Some("old") => Some(Finding::Old),
            Some("grace_in_use") => Some(Finding::GraceInUse),
            _ => None,
        },
        sort: match name {
            "name" => Sort::Name,
            "last_used" => Sort::LastUsed,
            "usage" => Sort::Usage,
            _ => Sort::Created,
        },
        descending: Some(descending),
        cursor: query.get("cursor").map(str::to_owned),
        limit: PAGE,
        ..KeyQuery::default()
    }
}

/// The list's address with one thing otherwise; a new order or filter begins at the first page.
fn link(access: &Access, query: &Query, (name, value): (&str, &str)) -> String {
    let kept = KEPT.iter().chain(&["q"]).filter(|kept| **kept != name);
    let kept = kept.filter_map(|kept| Some((*kept, query.get(kept)?)));
    let own = Some((name, value)).filter(|(_, value)| !value.is_empty());
    query::address(&paths::keys(access.organisation()), kept.chain(own))
}

fn filters(access: &Access, query: &Query) -> Filters {
    let path = paths::keys(access.organisation());
    let on = ["finding", "status"]
        .iter()
        .find_map(|name| Some((*name, query.get(name)?)));
    let chip = |(title, name, value): &(&'static str, &'static str, &'static str)| {
        let others = ["q", "project", "sort"].iter();
        let others = others.filter_map(|kept| Some((*kept, query.get(kept)?)));
        let own = Some((*name, *value)).filter(|(name, _)| !name.is_empty());
        Chip {
            name: (*title).to_owned(),
            address: query::address(&path, others.chain(own)),
            count: None,
            is_on: on == own,
        }
    };
    let kept = KEPT
        .iter()
        .filter_map(|name| Some((*name, query.get(name)?.to_owned())));
    Filters {
        search: "Search keys",
        query: query.get("q").unwrap_or_default().to_owned(),
        kept: kept.collect(),
        chips: CHIPS.iter().map(chip).collect(),
        action: path,
    }
}

fn head(access: &Access, query: &Query) -> Head {
    let now = query.get("sort").unwrap_or("-created");
    let sorted = |column: Column, name: &str, usual: &str| {
        let (up, down) = (name.to_owned(), format!("-{name}"));
        let order = match now {
            _ if now == up => Some(Order::Ascending),
            _ if now == down => Some(Order::Descending),
            _ => None,
        };
        let is_down = order.map_or(usual == "-", |order| order == Order::Ascending);
        let next = if is_down { &down } else { &up };
        let column = column.sorts(link(access, query, ("sort", next)));
        match order {
            Some(order) => column.in_order(order),
            None => column,
        }
    };
    Head {
        columns: vec![
            Column::silent("Tick"),
            sorted(Column::text("Name"), "name", ""),
            Column::text("Project"),
            Column::text("Models"),
            Column::number("Req/min"),
            Column::text("Quota"),
            sorted(Column::text("Last used"), "last_used", "-"),
            sorted(Column::text("14 days"), "usage", "-"),
            sorted(Column::text("Created by"), "created", "-"),
        ],
    }
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
        project: projects.get(&key.project_id).cloned().unwrap_or_default(),
        models: models::summary(key.models.as_deref()),
        per_minute: rate.map_or_else(|| "–".to_owned(), |rate| grouped(i64::from(rate))),
        quota: bars::of_key(&key),
        last_used: key.last_used_at.map(Time::relative),
        sparkline: Sparkline {
            values: course,
            label: "Requests in 14 days".to_owned(),
        },
        created_by: key.created_by,
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

/// Disables several keys at once; deletes them after a question.
async fn bulk(visitor: Visitor, Ids(org): Ids<Uuid>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Member)?;
    let is_sure = visitor.query.get("sure").is_some();
    let ids: Vec<Uuid> = if is_sure {
        visitor
            .query
            .all("id")
            .filter_map(|id| id.parse().ok())
            .collect()
    } else {
        form.all("id").filter_map(|id| id.parse().ok()).collect()
    };
    let back = paths::keys(access.organisation());
    if ids.is_empty() {
        return Ok(see_other(&query::address(&back, [("done", "none")])));
    }
    let action = match form.get("action") {
        _ if is_sure => BulkAction::Delete,
        Some("disable") => BulkAction::Disable,
        Some("delete") => return show(&question(&visitor, &access, &ids)),
        _ => return Err(Problem::NotFound),
    };
    if is_sure && form.text("confirm") != Some(many(&ids).as_str()) {
        return again(&question(&visitor, &access, &ids));
    }
    visitor
        .management
        .change_keys(&access, action, &ids)
        .await?;
    let done = if is_sure { "deleted" } else { "disabled" };
    Ok(see_other(&query::address(&back, [("done", done)])))
}

fn question(visitor: &Visitor, access: &Access, ids: &[Uuid]) -> ConfirmPage {
    let organisation = access.organisation();
    let texts: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let named = texts.iter().map(|id| ("id", id.as_str()));
    let pairs = [("sure", "yes")].into_iter().chain(named);
    ConfirmPage {
        frame: visitor.frame("Delete keys", Section::Keys, access),
        dialog: Dialog {
            id: "delete",
            title: format!("Delete {}?", many(ids)),
            text: "All their secrets stop within a second, for good. Their usage stays in the reports."
                .to_owned(),
            action: query::address(&paths::keys_bulk(organisation), pairs),
            fields: Vec::new(),
            typed: Some(many(ids)),
            submit: "Delete for good",
            is_danger: true,
        },
        back: paths::keys(organisation),
    }
}

fn many(ids: &[Uuid]) -> String {
    counted(i64::try_from(ids.len()).unwrap_or(i64::MAX), "key", "keys")
}
