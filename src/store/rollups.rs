//! Usage by the hour: what pages and reports read, and what a new budget row opens with.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::events::Event;
use super::transaction::Tx;
use super::{StoreError, batch};
use crate::domain::quota::{BudgetKey, Unit};
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId, ScopeId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;

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

const ADD: &str = "INSERT INTO rollups_hourly
    (organisation_id, project_id, key_id, model, hour, requests, errors, input_tokens,
    output_tokens, total_tokens, estimated_tokens, interrupted_tokens, cost_nano) ";
const TO_EXISTING: &str = " ON CONFLICT (organisation_id, project_id, key_id, model, hour)
    DO UPDATE SET requests = rollups_hourly.requests + excluded.requests,
        errors = rollups_hourly.errors + excluded.errors,
        input_tokens = rollups_hourly.input_tokens + excluded.input_tokens,
        output_tokens = rollups_hourly.output_tokens + excluded.output_tokens,
        total_tokens = rollups_hourly.total_tokens + excluded.total_tokens,
        estimated_tokens = rollups_hourly.estimated_tokens + excluded.estimated_tokens,
        interrupted_tokens = rollups_hourly.interrupted_tokens + excluded.interrupted_tokens,
        cost_nano = rollups_hourly.cost_nano + excluded.cost_nano";

/// The name of a rollup row, in the order that transactions lock them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a> {
    organisation: OrganisationId,
    project: ProjectId,
    key: KeyId,
    model: std::borrow::Cow<'a, str>,
    hour: Timestamp,
}

#[derive(Default)]
struct Sums {
    requests: i64,
    errors: i64,
    input: i64,
    output: i64,
    total: i64,
    estimated: i64,
    interrupted: i64,
    cost: i64,
}

/// The hour that `at` lies in.
pub(super) fn hour(at: Timestamp) -> Timestamp {
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
pub(super) async fn add(tx: &mut Tx, events: &[&Event]) -> Result<(), StoreError> {
    let mut rows: BTreeMap<Name<'_>, Sums> = BTreeMap::new();
    for event in events {
        rows.entry(Name::of(event)).or_default().add(event);
    }
    let rows: Vec<_> = rows.into_iter().collect();
    for rows in batch::chunks(&rows) {
        with_tx!(&mut *tx, |c| {
            let mut add = QueryBuilder::new(ADD);
            add.push_values(rows, |mut values, (name, sums)| {
                values.push_bind(name.organisation).push_bind(name.project);
                values
                    .push_bind(name.key)
                    .push_bind(name.model.as_ref())
                    .push_bind(name.hour);
                values.push_bind(sums.requests).push_bind(sums.errors);
                values
                    .push_bind(sums.input)
                    .push_bind(sums.output)
                    .push_bind(sums.total);
                values.push_bind(sums.estimated).push_bind(sums.interrupted);
                values.push_bind(sums.cost);
            });
            add.push(TO_EXISTING).build().execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}

impl<'a> Name<'a> {
    fn of(event: &'a Event) -> Self {
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
    fn add(&mut self, event: &Event) {
        let is_error = !(200..300).contains(&event.status);
        let total_if = |source| {
            if event.source == source {
                event.total_tokens
            } else {
                0
            }
        };
        let parts = [
            (&mut self.requests, event.requests),
            (&mut self.errors, if is_error { event.requests } else { 0 }),
            (&mut self.input, event.input_tokens),
            (&mut self.output, event.output_tokens),
            (&mut self.total, event.total_tokens),
            (&mut self.estimated, total_if(Source::Estimated)),
            (&mut self.interrupted, total_if(Source::Interrupted)),
            (&mut self.cost, event.cost_nano),
        ];
        for (sum, part) in parts {
            *sum = sum.saturating_add(part);
        }
    }
}
