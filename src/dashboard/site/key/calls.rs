//! A key's calls, latest first.

use uuid::Uuid;

use super::Found;
use crate::api::ids::Ids;
use crate::dashboard::components::{Chip, Filters, Pager, Pill, Time, Tone};
use crate::dashboard::format::{counted, duration, grouped, money};
use crate::dashboard::pages::{CallRow, CallsTab, KeyTab};
use crate::dashboard::paths;
use crate::dashboard::site::answer::{Answer, show};
use crate::dashboard::site::query::{self, Query};
use crate::dashboard::site::visitor::Visitor;
use crate::domain::price::parse_nano_usd;
use crate::domain::role::Role;
use crate::domain::usage::Source;
use crate::management::calls::{CallSearch, CallView};

/// Calls of a page.
const PAGE: usize = 50;

/// Filters: what they are called, and the statuses that they show.
const CHIPS: [(&str, &str); 4] = [
    ("All", ""),
    ("Answered", "2xx"),
    ("Refused", "4xx"),
    ("Failed", "5xx"),
];

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
    let management = &found.visitor.management;
    let list = management.calls(&found.access, search).await?;
    let path = paths::key_calls(ids.0, ids.1);
    let shown = i64::try_from(list.calls.len()).unwrap_or(0);
    let tab = CallsTab {
        filters: filters(&path, query),
        rows: list.calls.into_iter().map(row).collect(),
        pager: Pager {
            shown: counted(shown, "call", "calls"),
            first: query.get("cursor").map(|_| link(&path, query, None)),
            next: list.next.map(|cursor| link(&path, query, Some(&cursor))),
        },
        is_narrowed: ["q", "status", "cursor"]
            .iter()
            .any(|name| query.get(name).is_some()),
    };
    show(&found.page(KeyTab::Calls(tab)).await?)
}

/// The list's address, at its beginning or at a place in it.
fn link(path: &str, query: &Query, cursor: Option<&str>) -> String {
    let kept = ["q", "status"].into_iter();
    let kept = kept.filter_map(|name| Some((name, query.get(name)?)));
    query::address(path, kept.chain(cursor.map(|cursor| ("cursor", cursor))))
}

fn filters(path: &str, query: &Query) -> Filters {
    let status = query.get("status");
    let chip = |(title, own): (&str, &'static str)| {
        let own = Some(("status", own)).filter(|(_, own)| !own.is_empty());
        let model = query.get("q").map(|model| ("q", model));
        Chip {
            name: title.to_owned(),
            address: query::address(path, model.into_iter().chain(own)),
            count: None,
            is_on: status == own.map(|(_, own)| own),
        }
    };
    Filters {
        action: path.to_owned(),
        search: "Model",
        query: query.get("q").unwrap_or_default().to_owned(),
        kept: status
            .map(|status| ("status", status.to_owned()))
            .into_iter()
            .collect(),
        chips: CHIPS.map(chip).to_vec(),
    }
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
