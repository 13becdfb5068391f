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
use crate::dashboard::components::{Chart, ChartKind, Chip, Empty};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{NearQuota, OverviewPage, RefusalRow};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;
use crate::management::keys::{KeyQuery, KeyView};
use crate::management::usage::{UsageSearch, UsageView};
use crate::management::{Access, Problem};
use crate::store::refusals::KeyRefusal;
use crate::store::usage::Group;

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
    let search = || UsageSearch {
        from: Some(span.from),
        to: Some(span.to),
        by: vec![span.group()],
        ..UsageSearch::default()
    };
    let group = if by_key { Group::Key } else { Group::Model };
    let report = management.usage(&access, search()).await?;
    let drawn = Measure::Tokens.drawn(group);
    let drawn = management
        .largest_over_time(&access, search(), drawn)
        .await?;
    let near = management.keys_near_quota(&access, SHOWN).await?;
    let refusals = management.latest_refusals(&access, SHOWN).await?;
    let organisation = management.own_organisation(&access).await?;
    let standings = management.organisation_standings(&organisation).await?;
    let path = paths::overview(org);
    let kept: Vec<_> = query.get("by").map(|by| ("by", by)).into_iter().collect();
    show(&OverviewPage {
        frame: visitor
            .frame("Overview", Section::Overview, &access)
            .with_chart(),
        ranges: span.chips(&path, &kept),
        stats: charts::stats(&report, &span),
        budgets: bars::all(&standings),
        groupings: groupings(&path, &Span::pairs(query), by_key),
        chart: chart(&drawn, &span, by_key),
        near: near
            .into_iter()
            .filter_map(|key| near_row(&access, key, now))
            .collect(),
        refusals: refusals
            .into_iter()
            .map(|row| refusal_row(org, row))
            .collect(),
        empty: empty(&visitor, &access).await?,
    })
}

fn chart(rows: &[UsageView], span: &Span, by_key: bool) -> Chart {
    let title = if by_key {
        "Tokens by key"
    } else {
        "Tokens by model"
    };
    let name = |row: &UsageView| {
        if by_key {
            charts::key_name(row)
        } else {
            row.model.clone()
        }
    };
    let (measure, kind) = (Measure::Tokens, ChartKind::Stacked);
    charts::chart(rows, span, measure, title.to_owned(), kind, name)
}

/// What stands there while nobody made a key.
async fn empty(visitor: &Visitor, access: &Access) -> Result<Option<Empty>, Problem> {
    let any = KeyQuery {
        limit: 1,
        ..KeyQuery::default()
    };
    let found = visitor.management.keys(access, any).await?;
    let can_write = access.role() >= Role::Member;
    Ok(found
        .keys
        .is_empty()
        .then(|| keys::empty(visitor, access, can_write)))
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

fn near_row(access: &Access, key: KeyView, now: Timestamp) -> Option<NearQuota> {
    Some(NearQuota {
        address: paths::key_limits(access.organisation(), key.id),
        quota: bars::nearest(&key)?,
        key: keys::badge(&key, now),
        name: key.name,
    })
}

fn refusal_row(org: Uuid, refused: KeyRefusal) -> RefusalRow {
    let page = paths::key_refusals(org, refused.key_id);
    refusal::row(refused.row, Some((page, refused.key_name)))
}
