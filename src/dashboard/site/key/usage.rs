//! What a key used.

use uuid::Uuid;

use super::Found;
use crate::api::ids::Ids;
use crate::dashboard::components::ChartKind;
use crate::dashboard::format::percent;
use crate::dashboard::pages::{KeyTab, UsageTab};
use crate::dashboard::paths;
use crate::dashboard::site::answer::{Answer, show};
use crate::dashboard::site::charts::{self, Measure};
use crate::dashboard::site::span::Span;
use crate::dashboard::site::visitor::Visitor;
use crate::domain::role::Role;
use crate::management::usage::{Totals, UsageSearch, UsageView};
use crate::store::usage::Group;

pub(super) async fn usage_tab(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Viewer).await?;
    let (visitor, query) = (&found.visitor, &found.visitor.query);
    let span = Span::of(query, visitor.management.clock.now(), "30d");
    let measure = Measure::of(query.get("measure"));
    let search = UsageSearch {
        key: Some(ids.1),
        from: Some(span.from),
        to: Some(span.to),
        by: vec![span.group()],
        ..UsageSearch::default()
    };
    let (management, access) = (&visitor.management, &found.access);
    let report = management.usage(access, search.clone()).await?;
    let drawn = measure.drawn(Group::Model);
    let drawn = management.largest_over_time(access, search, drawn).await?;
    let path = paths::key(ids.0, ids.1);
    let kept: Vec<_> = query
        .get("measure")
        .map(|own| ("measure", own))
        .into_iter()
        .collect();
    let title = format!("{} by model", measure.title());
    let name = |row: &UsageView| row.model.clone();
    let tab = UsageTab {
        ranges: span.chips(&path, &kept),
        days: span.days(),
        stats: charts::stats(&report, &span),
        measures: measure.chips(&path, &Span::pairs(query)),
        chart: charts::chart(&drawn, &span, measure, title, ChartKind::Stacked, name),
        sources: sources(&report.totals),
    };
    let mut page = found.page(KeyTab::Usage(tab)).await?;
    page.frame = page.frame.with_chart();
    show(&page)
}

fn sources(totals: &Totals) -> Vec<(&'static str, String)> {
    let guessed = totals
        .estimated_tokens
        .saturating_add(totals.interrupted_tokens);
    let reported = totals.total_tokens.saturating_sub(guessed);
    let share = |part| percent(part, totals.total_tokens);
    vec![
        ("Reported by the provider", share(reported)),
        ("Estimated", share(totals.estimated_tokens)),
        ("Cut short", share(totals.interrupted_tokens)),
    ]
}
