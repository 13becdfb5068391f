//! Who changed what in an organisation.

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use uuid::Uuid;

use super::answer::{Answer, show};
use super::query;
use super::visitor::Visitor;
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Chip, Filters, Pager, Time};
use crate::dashboard::format::counted;
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{AuditPage, AuditRow};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::management::audit::{AuditSearch, ChangeView};

/// Changes of a page.
const PAGE: usize = 50;

const ACTIONS: [(&str, &str); 7] = [
    ("All", ""),
    ("Keys made", "key.create"),
    ("Keys changed", "key.update"),
    ("Keys rotated", "key.rotate"),
    ("Keys deleted", "key.delete"),
    ("Projects changed", "project.update"),
    ("Roles changed", "member.update"),
];

pub(super) fn routes() -> Router<Api> {
    Router::new().route(paths::AUDIT, get(audit))
}

async fn audit(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let query = &visitor.query;
    let search = AuditSearch {
        action: query.get("action").map(str::to_owned),
        cursor: query.get("cursor").map(str::to_owned),
        limit: PAGE,
        ..AuditSearch::default()
    };
    let list = visitor.management.audit(&access, search).await?;
    let path = paths::audit(access.organisation());
    let action = query.get("action").map(|action| ("action", action));
    let chip = |(title, name): (&str, &'static str)| {
        let own = Some(("action", name)).filter(|(_, name)| !name.is_empty());
        Chip {
            name: title.to_owned(),
            address: query::address(&path, own),
            count: None,
            is_on: query.get("action").unwrap_or_default() == name,
        }
    };
    let next = list
        .next
        .as_deref()
        .map(|cursor| query::address(&path, action.into_iter().chain([("cursor", cursor)])));
    let shown = i64::try_from(list.changes.len()).unwrap_or(0);
    show(&AuditPage {
        frame: visitor.frame("Audit", Section::Audit, &access),
        filters: Filters {
            action: path.clone(),
            search: "",
            query: String::new(),
            kept: Vec::new(),
            chips: ACTIONS.map(chip).to_vec(),
        },
        rows: list.changes.into_iter().map(row).collect(),
        pager: Pager {
            shown: counted(shown, "change", "changes"),
            first: query.get("cursor").map(|_| query::address(&path, action)),
            next,
        },
    })
}

fn row(change: ChangeView) -> AuditRow {
    AuditRow {
        at: Time::exact(change.at),
        actor: change.author.name,
        address: change.address.unwrap_or_else(|| "–".to_owned()),
        target: format!("{} {}", change.subject.kind, change.subject.name),
        changes: changes(change.before.as_ref(), change.after.as_ref()),
        action: change.action,
    }
}

/// Each field that is not what it was.
fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<(String, String, String)> {
    let fields =
        |side: Option<&Value>| side.and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let changed = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    changed
        .map(|name| (name.clone(), text(before.get(name)), text(after.get(name))))
        .collect()
}
