//! What a key used, and its calls.

use uuid::Uuid;

use super::Found;
use crate::api::ids::Ids;
use crate::dashboard::components::{ChartKind, Chip, Filters, Pager, Pill, Time, Tone};
use crate::dashboard::format::{counted, duration, grouped, money, percent};
use crate::dashboard::pages::{CallRow, CallsTab, KeyTab, UsageTab};
use crate::dashboard::paths;
use crate::dashboard::site::answer::{Answer, show};
use crate::dashboard::site::charts::{self, Measure};
use crate::dashboard::site::query;
use crate::dashboard::site::span::Span;
use crate::dashboard::site::visitor::Visitor;
use crate::domain::price::parse_nano_usd;
use crate::domain::role::Role;
use crate::domain::usage::Source;
use crate::management::calls::{CallSearch, CallView};
use crate::management::usage::{Totals, UsageSearch, UsageView};
use crate::store::usage::Group;

/// Calls of a page.
const PAGE: usize = 50;

pub(super) async fn usage_tab(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Viewer).await?;
    let (visitor, query) = (&found.visitor, &found.visitor.query);
    let span = Span::of(query, visitor.management.clock.now(), "30d");
    let measure = Measure::of(query.get("measure"));
    let search = UsageSearch {
        key: Some(ids.1),
        from: Some(span.from),
        to: Some(span.to),
        by: vec![span.group(), Group::Model],
    };
    let report = visitor.management.usage(&found.access, search).await?;
    let path = paths::key(ids.0, ids.1);
    let kept: Vec<_> = query
        .get("measure")
        .map(|own| ("measure", own))
        .into_iter()
        .collect();
    let title = format!("{} by model", measure.title());
    let name = |row: &UsageView| row.model.clone().unwrap_or_default();
    let tab = UsageTab {
        ranges: span.chips(&path, &kept),
        days: span.days(),
        stats: charts::stats(&report, &span),
        measures: measure.chips(&path, &Span::pairs(query)),
        chart: charts::chart(
            &report.data,
            &span,
            measure,
            title,
            ChartKind::Stacked,
            name,
        ),
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

pub(super) async fn calls_tab(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Viewer).await?;
    let query = &found.visitor.query;
    let search = CallSearch {
        key: Some(ids.1),
        model: query.get("q").map(str::to_owned),
        status: query.get("status").map(str::to_owned),
        cursor: query.get("cursor").map(str::to_owned),
        limit: PAGE,
        ..CallSearch::default()
    };
    let list = found
        .visitor
        .management
        .calls(&found.access, search)
        .await?;
    let path = paths::key_calls(ids.0, ids.1);
    let kept: Vec<_> = ["q", "status"]
        .iter()
        .filter_map(|name| Some((*name, query.get(name)?)))
        .collect();
    let next = list
        .next
        .as_deref()
        .map(|cursor| query::address(&path, kept.iter().copied().chain([("cursor", cursor)])));
    let first = query::address(&path, kept.iter().copied());
    let shown = i64::try_from(list.calls.len()).unwrap_or(0);
    let chips = [
        ("All", ""),
        ("Answered", "2xx"),
        ("Refused", "4xx"),
        ("Failed", "5xx"),
    ];
    let chip = |(title, status): (&str, &'static str)| {
        let own = Some(("status", status)).filter(|(_, status)| !status.is_empty());
        let model = query.get("q").map(|model| ("q", model));
        Chip {
            name: title.to_owned(),
            address: query::address(&path, model.into_iter().chain(own)),
            count: None,
            is_on: query.get("status").unwrap_or_default() == status,
        }
    };
    let status = query
        .get("status")
        .map(|status| ("status", status.to_owned()));
    let tab = CallsTab {
        filters: Filters {
            action: path.clone(),
            search: "Model",
            query: query.get("q").unwrap_or_default().to_owned(),
            kept: status.into_iter().collect(),
            chips: chips.map(chip).to_vec(),
        },
        rows: list.calls.into_iter().map(row).collect(),
        pager: Pager {
            shown: counted(shown, "call", "calls"),
            first: query.get("cursor").map(|_| first),
            next,
        },
    };
    show(&found.page(KeyTab::Calls(tab)).await?)
}

fn row(call: CallView) -> CallRow {
    let tone = match call.status {
        200..=299 => Tone::Good,
        499 => Tone::Warning,
        _ => Tone::Bad,
    };
    let word = match call.status {
        499 => "499 client left".to_owned(),
        status => status.to_string(),
    };
    let source = match call.source {
        Source::None => Pill::new("nothing used", Tone::Plain),
        Source::Reported => Pill::new("reported", Tone::Plain),
        Source::Estimated => Pill::new("estimated", Tone::Warning),
        Source::Interrupted => Pill::new("cut short", Tone::Warning),
    };
    CallRow {
        at: Time::exact(call.at),
        model: call.model,
        status: Pill::new(word, tone),
        source,
        input: grouped(call.input_tokens),
        output: grouped(call.output_tokens),
        cost: money(parse_nano_usd(&call.cost_usd).unwrap_or(0)),
        duration: duration(call.duration_ms),
        id: call.id.to_string(),
    }
}
