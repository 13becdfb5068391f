//! Usage by the hour: what pages and reports read, and what a new budget row opens with.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::StoreError;
use super::batch::{self, Listing};
use super::events::Event;
use super::transaction::Tx;
use crate::domain::quota::{BudgetKey, Unit};
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId, ScopeId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;

mod names;

pub(super) use names::ModelNames;

/// Microseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000_000;

macro_rules! sums {
    ($scope:literal) => {
        concat!(
            "SELECT CAST(COALESCE(SUM(total_tokens), 0) AS BIGINT),
                 CAST(COALESCE(SUM(requests), 0) AS BIGINT),
                 CAST(COALESCE(SUM(cost_nano), 0) AS BIGINT)
             FROM rollups_hourly WHERE hour >= $2 AND hour < $3 AND ",
            $scope,
            " = $1"
        )
    };
}

pub(super) const OF_ORGANISATION: &str = sums!("organisation_id");
pub(super) const OF_PROJECT: &str = sums!("project_id");
pub(super) const OF_KEY: &str = sums!("key_id");

static ADD: Listing = Listing::insert(
    "INSERT INTO rollups_hourly
    (organisation_id, hour, project_id, key_id, model, requests, errors, input_tokens,
    output_tokens, total_tokens, estimated_tokens, interrupted_tokens, cost_nano)",
    13,
    " ON CONFLICT (organisation_id, hour, project_id, key_id, model)
    DO UPDATE SET requests = rollups_hourly.requests + excluded.requests,
        errors = rollups_hourly.errors + excluded.errors,
        input_tokens = rollups_hourly.input_tokens + excluded.input_tokens,
        output_tokens = rollups_hourly.output_tokens + excluded.output_tokens,
        total_tokens = rollups_hourly.total_tokens + excluded.total_tokens,
        estimated_tokens = rollups_hourly.estimated_tokens + excluded.estimated_tokens,
        interrupted_tokens = rollups_hourly.interrupted_tokens + excluded.interrupted_tokens,
        cost_nano = rollups_hourly.cost_nano + excluded.cost_nano",
);

/// The name of a rollup row, in the order that transactions lock them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a> {
    organisation: OrganisationId,
    hour: Timestamp,
    project: ProjectId,
    key: KeyId,
    model: Cow<'a, str>,
}

/// Its numbers, in the order of the columns.
#[derive(Default)]
struct Sums([i64; 8]);

/// The hour that `at` lies in.
pub fn hour(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(HOUR))
}

/// What the scope of a calendar budget used of its period so far; 0 for one that never starts anew.
pub(super) async fn used(tx: &mut Tx, key: &BudgetKey) -> Result<i64, StoreError> {
    let Some(end) = key.period.end(key.start) else {
        return Ok(0);
    };
    let of_scope = match key.scope {
        ScopeId::Organisation(_) => OF_ORGANISATION,
        ScopeId::Project(_) => OF_PROJECT,
        ScopeId::Key(_) => OF_KEY,
    };
    let (tokens, requests, cost) = with_tx!(tx, |c| {
        let sums = sqlx::query_as(of_scope).bind(key.scope.uuid());
        sums.bind(key.start).bind(end).fetch_one(c).await
    })?;
    Ok(match key.unit {
        Unit::Tokens => tokens,
        Unit::Requests => requests,
        Unit::NanoUsd => cost,
    })
}

/// Adds `events` to the hours they began in.
pub(super) async fn add(
    tx: &mut Tx,
    events: &[&Event<'_>],
    names: &ModelNames,
) -> Result<(), StoreError> {
    let mut sums: BTreeMap<Name<'_>, Sums> = BTreeMap::new();
    for event in events {
        sums.entry(Name::of(event)).or_default().add(event);
    }
    let mut rows: BTreeMap<Name<'_>, Sums> = BTreeMap::new();
    for (mut name, part) in sums {
        name.model = names.shown(name.key, name.hour, name.model);
        rows.entry(name).or_default().merge(&part);
    }
    let rows: Vec<_> = rows.into_iter().collect();
    write_rows!(tx, ADD, &rows, |add, (name, sums)| {
        add.bind(name.organisation).bind(name.hour);
        add.bind(name.project).bind(name.key);
        add.bind(name.model.as_ref());
        for sum in sums.0 {
            add.bind(sum);
        }
    });
    Ok(())
}

impl<'a> Name<'a> {
    fn of(event: &'a Event<'_>) -> Self {
        Self {
            organisation: event.organisation_id,
            project: event.project_id,
            key: event.key_id,
            model: batch::text(&event.model),
            hour: hour(event.at),
        }
    }
}

impl Sums {
    fn add(&mut self, event: &Event<'_>) {
        let is_error = !(200..300).contains(&event.status);
        let only_if = |is: bool, number| if is { number } else { 0 };
        let total_from = |source| only_if(event.source == source, event.total_tokens);
        self.merge(&Self([
            event.requests,
            only_if(is_error, event.requests),
            event.input_tokens,
            event.output_tokens,
            event.total_tokens,
            total_from(Source::Estimated),
            total_from(Source::Interrupted),
            event.cost_nano,
        ]));
    }

    fn merge(&mut self, part: &Self) {
        for (sum, part) in self.0.iter_mut().zip(part.0) {
            *sum = sum.saturating_add(part);
        }
    }
}
