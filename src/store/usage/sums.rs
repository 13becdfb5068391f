//! Rows added up by what is asked, however many statements they come from.

use std::collections::BTreeMap;

use super::{Group, UsageQuery, UsageRow};
use crate::domain::quota::Period;
use crate::domain::tenant::{KeyId, ProjectId};
use crate::domain::time::Timestamp;

/// What a sum is of, in the order of reports.
type Name = (
    Option<Timestamp>,
    Option<Timestamp>,
    Option<ProjectId>,
    Option<KeyId>,
    Option<String>,
);

/// See the module.
pub(super) struct Sums {
    by_day: bool,
    by_hour: bool,
    rows: BTreeMap<Name, UsageRow>,
}

impl Sums {
    /// Nothing yet of what `query` asks for.
    pub(super) fn of(query: &UsageQuery) -> Self {
        Self {
            by_day: query.by.contains(&Group::Day),
            by_hour: query.by.contains(&Group::Hour),
            rows: BTreeMap::new(),
        }
    }

    /// Adds rows; their hours count for days where days are asked for.
    pub(super) fn add(&mut self, rows: Vec<UsageRow>) {
        for mut row in rows {
            let (by_day, by_hour) = (self.by_day, self.by_hour);
            let day = row.hour.filter(|_| by_day);
            row.day = day.map(|hour| Period::Day.start(hour));
            row.hour = row.hour.filter(|_| by_hour);
            let model = row.model.clone();
            let name = (row.day, row.hour, row.project_id, row.key_id, model);
            match self.rows.get_mut(&name) {
                Some(sum) => sum.add(&row),
                None => drop(self.rows.insert(name, row)),
            }
        }
    }

    /// How many sums there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// In their order.
    pub(super) fn into_rows(self) -> Vec<UsageRow> {
        self.rows.into_values().collect()
    }
}
