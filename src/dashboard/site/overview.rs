//! An organisation at a glance.

use axum::Router;
use axum::routing::get;
use uuid::Uuid;

use super::answer::{Answer, show};
use super::charts::{self, Measure};
use super::key::refusal;
use super::query;
use super::span::Span;
use super::visitor::Visitor;
use super::{bars, keys};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{ChartKind, Chip};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{NearQuota, OverviewPage};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::management::keys::{KeyQuery, KeyView};
use crate::management::usage::UsageSearch;
use crate::management::{Access, Problem};
use crate::store::keys::Sort;
use crate::store::refusals::KeyRefusal;
use crate::store::usage::Group;

/// Keys among which those closest to their quota are looked for: the most used ones.
const LOOKED_AT: usize = 100;

/// Rows of a short list.
const SHOWN: u16 = 6;

pub(super) fn routes() -> Router<Api> {
    Router::new().route(paths::OVERVIEW, get(overview))
}

async fn overview(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Viewer)?;
    let (management, query) = (&visitor.management, &visitor.query);
    let now = management.clock.now();
    let span = Span::of(query, now, "7d");
    let by_key = query.get("by") == Some("key");
    let group = if by_key { Group::Key } else { Group::Model };
    let search = UsageSearch {
        key: None,
        from: Some(span.from),
        to: Some(span.to),
        by: vec![span.group(), group],
    };
    let report = management.usage(&access, search).await?;
    let keys = most_used(&visitor, &access).await?;
    let empty = keys
        .is_empty()
        .then(|| keys::empty(&visitor, &access, access.role() >= Role::Member));
    let refusals = management.latest_refusals(&access, SHOWN).await?;
    let title = if by_key {
        "Tokens by key"
    } else {
        "Tokens by model"
    };
    let path = paths::overview(org);
    let name = |row: &crate::management::usage::UsageView| {
        let name = if by_key {
            row.key_name.clone()
        } else {
            row.model.clone()
        };
        name.unwrap_or_else(|| "Unknown".to_owned())
    };
    let (measure, kind) = (Measure::Tokens, ChartKind::Stacked);
    let kept: Vec<_> = query.get("by").map(|by| ("by", by)).into_iter().collect();
    let refusal_row = |refused: KeyRefusal| {
        let page = paths::key_refusals(org, refused.key_id);
        refusal::row(refused.row, Some((page, refused.key_name)))
    };
    show(&OverviewPage {
        frame: visitor
            .frame("Overview", Section::Overview, &access)
            .with_chart(),
        ranges: span.chips(&path, &kept),
        stats: charts::stats(&report, &span),
        groupings: groupings(&path, &Span::pairs(query), by_key),
        chart: charts::chart(&report.data, &span, measure, title.to_owned(), kind, name),
        near: near(&access, keys, now),
        refusals: refusals.into_iter().map(refusal_row).collect(),
        empty,
    })
}

async fn most_used(visitor: &Visitor, access: &Access) -> Result<Vec<KeyView>, Problem> {
    let query = KeyQuery {
        sort: Sort::Usage,
        limit: LOOKED_AT,
        ..KeyQuery::default()
    };
    Ok(visitor.management.keys(access, query).await?.keys)
}

fn groupings(path: &str, kept: &[(&str, &str)], by_key: bool) -> Vec<Chip> {
    let chip = |(title, name, is_on): (&str, &'static str, bool)| Chip {
        name: title.to_owned(),
        address: query::address(path, kept.iter().copied().chain([("by", name)])),
        count: None,
        is_on,
    };
    vec![
        chip(("Model", "model", !by_key)),
        chip(("Key", "key", by_key)),
    ]
}

fn near(
    access: &Access,
    keys: Vec<KeyView>,
    now: crate::domain::time::Timestamp,
) -> Vec<NearQuota> {
    let mut near: Vec<_> = keys
        .into_iter()
        .filter_map(|key| {
            let quota = bars::of_key(&key)?;
            let used = crate::dashboard::format::permille(quota.used, quota.amount);
            Some((used, key, quota))
        })
        .collect();
    near.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
    near.truncate(usize::from(SHOWN));
    let row = |(_, key, quota): (i64, KeyView, _)| NearQuota {
        address: paths::key(access.organisation(), key.id),
        key: keys::badge(&key, now),
        name: key.name,
        quota,
    };
    near.into_iter().map(row).collect()
}
