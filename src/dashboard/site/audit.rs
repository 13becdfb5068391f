//! Who changed what in an organisation.

use std::collections::BTreeMap;

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

/// What is the same for all things, or says nothing to people.
const UNSAID: [&str; 5] = [
    "id",
    "organisation_id",
    "version",
    "created_at",
    "updated_at",
];

/// Each value that is not what it was, with the names that lead to it; empty where there was none.
fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<(String, String, String)> {
    let mut values: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (name, text) in leaves(before) {
        values.entry(name).or_default().0 = text;
    }
    for (name, text) in leaves(after) {
        values.entry(name).or_default().1 = text;
    }
    let values = values.into_iter();
    let changed = values
        .filter(|(name, (before, after))| before != after && !UNSAID.contains(&name.as_str()));
    changed
        .map(|(name, (before, after))| (name, before, after))
        .collect()
}

/// The values inside of `side`, such as `limits.quota.amount`; those that are null are none.
fn leaves(side: Option<&Value>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<(String, &Value)> = side
        .map(|value| (String::new(), value))
        .into_iter()
        .collect();
    while let Some((name, value)) = open.pop() {
        match value {
            Value::Null => {}
            Value::Object(fields) => open.extend(fields.iter().map(|(field, value)| {
                let dot = if name.is_empty() { "" } else { "." };
                (format!("{name}{dot}{field}"), value)
            })),
            Value::String(text) => found.push((name, text.clone())),
            value => found.push((name, value.to_string())),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_said_and_each_value_by_its_names() {
        let before = json!({"id": 1, "version": 1, "name": "a", "models": null,
            "limits": {"quota": {"amount": 5, "period": "day"}, "concurrency": null}});
        let after = json!({"id": 1, "version": 2, "name": "a", "models": ["m"],
            "limits": {"quota": {"amount": 6, "period": "day"}, "concurrency": null}});
        let changed = |name: &str, before: &str, after: &str| {
            (name.to_owned(), before.to_owned(), after.to_owned())
        };
        assert_eq!(
            changes(Some(&before), Some(&after)),
            [
                changed("limits.quota.amount", "5", "6"),
                changed("models", "", "[\"m\"]")
            ]
        );
        let gone = changes(Some(&after), None);
        assert!(gone.contains(&changed("name", "a", "")), "{gone:?}");
        assert!(!gone.iter().any(|(name, ..)| name == "version"));
        assert!(changes(None, None).is_empty());
    }
}
