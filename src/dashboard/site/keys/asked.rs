//! Which keys a list is asked for, as its address says it, and the ways to other lists.

use std::collections::HashMap;

use crate::dashboard::components::{Chip, Column, Filters, Head, Order};
use crate::dashboard::paths;
use crate::dashboard::site::query::{self, Query};
use crate::domain::tenant::{KeyStatus, ProjectId};
use crate::management::Access;
use crate::management::keys::KeyQuery;
use crate::store::keys::{Finding, Sort};

/// Keys of a page.
const PAGE: usize = 50;

/// What the ways to other lists keep.
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

/// Whether the list is of all keys, from their first.
pub(super) fn is_whole(query: &Query) -> bool {
    let mut names = ["q", "status", "finding", "project", "cursor"].iter();
    names.all(|name| query.get(name).is_none())
}

pub(super) fn wanted(query: &Query) -> KeyQuery {
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
pub(super) fn link(access: &Access, query: &Query, (name, value): (&str, &str)) -> String {
    let kept = KEPT.iter().chain(&["q"]).filter(|kept| **kept != name);
    let kept = kept.filter_map(|kept| Some((*kept, query.get(kept)?)));
    let own = Some((name, value)).filter(|(_, value)| !value.is_empty());
    query::address(&paths::keys(access.organisation()), kept.chain(own))
}

pub(super) fn filters(
    access: &Access,
    query: &Query,
    projects: &HashMap<ProjectId, String>,
) -> Filters {
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
        chips: CHIPS
            .iter()
            .map(chip)
            .chain(of_project(access, query, projects))
            .collect(),
        action: path,
    }
}

/// The project whose keys are listed: a link to those of all.
fn of_project(
    access: &Access,
    query: &Query,
    projects: &HashMap<ProjectId, String>,
) -> Option<Chip> {
    let id = query.get("project")?.parse().map(ProjectId).ok()?;
    Some(Chip {
        name: format!("Project: {}", projects.get(&id)?),
        address: link(access, query, ("project", "")),
        count: None,
        is_on: true,
    })
}

pub(super) fn head(access: &Access, query: &Query) -> Head {
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
            sorted(Column::text("Tokens, 30 d"), "usage", "-"),
            sorted(Column::text("Created"), "created", "-"),
        ],
    }
}
