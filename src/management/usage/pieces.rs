//! Reports that are read piece by piece, however long they are: those of days and hours day by day,
//! those of an organisation's keys some keys at a time.

use std::time::Duration;

use uuid::Uuid;

use super::{UsageSearch, UsageView};
use crate::domain::quota::Period;
use crate::domain::tenant::KeyId;
use crate::domain::time::Timestamp;
use crate::management::{Access, Management, Problem};
use crate::store::keys;
use crate::store::usage::{self, Group, Of, UsageQuery};

const DAY: Duration = Duration::from_hours(24);

/// Keys of a piece.
const KEYS: i64 = 200;

/// A report that is read piece by piece.
#[derive(Clone, Debug)]
pub struct UsagePieces {
    query: UsageQuery,
    to: Timestamp,
    next: Next,
}

/// Where the next piece begins.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// At this instant, for a day.
    Day(Timestamp),
    /// Behind this key.
    Keys(KeyId),
    /// It is everything.
    Whole,
    /// There is none.
    Over,
}

impl UsagePieces {
    fn of(query: UsageQuery, from: Timestamp, to: Timestamp) -> Self {
        let by = |group| query.by.contains(&group);
        let next = if by(Group::Day) || by(Group::Hour) {
            Next::Day(from)
        } else if by(Group::Key) && query.of == Of::All {
            Next::Keys(KeyId(Uuid::nil()))
        } else {
            Next::Whole
        };
        Self { query, to, next }
    }

    fn day(&mut self, from: Timestamp) -> UsageQuery {
        let end = Period::Day.start(from).plus(DAY).min(self.to);
        self.next = if end < self.to {
            Next::Day(end)
        } else {
            Next::Over
        };
        UsageQuery {
            from: Some(from),
            to: Some(end),
            ..self.query.clone()
        }
    }
}

impl Management {
    /// The sums of a report, to be read by [`Management::next_usage`].
    pub async fn usage_pieces(
        &self,
        access: &Access,
        search: UsageSearch,
    ) -> Result<UsagePieces, Problem> {
        let (query, from, to) = self.usage_query(access, search).await?;
        Ok(UsagePieces::of(query, from, to))
    }

    /// The next sums, in their order, which may be none; `None` after the last.
    pub async fn next_usage(
        &self,
        access: &Access,
        pieces: &mut UsagePieces,
    ) -> Result<Option<Vec<UsageView>>, Problem> {
        let (db, organisation) = (&self.db, access.organisation());
        let query = match pieces.next {
            Next::Over => return Ok(None),
            Next::Day(from) => pieces.day(from),
            Next::Keys(after) => {
                let keys = keys::ids_behind(db, organisation, after, KEYS).await?;
                let Some(last) = keys.last() else {
                    return Ok(None);
                };
                pieces.next = Next::Keys(*last);
                UsageQuery {
                    among: keys,
                    ..pieces.query.clone()
                }
            }
            Next::Whole => {
                pieces.next = Next::Over;
                pieces.query.clone()
            }
        };
        let rows = usage::usage(db, organisation, query).await?;
        Ok(Some(rows.into_iter().map(UsageView::from).collect()))
    }
}
