//! Sums of which only so many are wanted. A large tenant has more keys in some hours than a report takes
//! rows: what would be refused after a month was read is refused after these hours.

use std::time::Duration;

use super::sums::Sums;
use super::{BEGINNING, END, UsageQuery, UsageRow, rollups, rows};
use crate::domain::tenant::OrganisationId;
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError};

/// Each piece is so many times as long as the one before it: few statements, however long the span.
const LONGER: u64 = 4;

/// The same as [`usage`](super::usage), or none where it is more than `most` sums. It is read from its
/// end, piece by piece, and no further once it is.
pub async fn usage_at_most(
    db: &Db,
    organisation: OrganisationId,
    query: UsageQuery,
    most: usize,
) -> Result<Option<Vec<UsageRow>>, StoreError> {
    let mut sums = Sums::of(&query);
    let (from, to) = (query.from.unwrap_or(BEGINNING), query.to.unwrap_or(END));
    for (from, to) in pieces(rollups::hour(from), to) {
        let piece = UsageQuery {
            from: Some(from),
            to: Some(to),
            ..query.clone()
        };
        sums.add(rows(db, organisation, &piece).await?);
        if sums.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(sums.into_rows()))
}

/// Spans from `from` to `to` that meet at whole hours, the last and shortest one first.
fn pieces(from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let (mut end, mut hours) = (to, 1u64);
    std::iter::from_fn(move || {
        let length = Duration::from_secs(hours.saturating_mul(3600));
        let begin = rollups::hour(end.minus(length)).max(from);
        let piece = (begin, end);
        (end, hours) = (begin, hours.saturating_mul(LONGER));
        (piece.0 < piece.1).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_each_hour_once_and_grow() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let (from, to) = (at("2026-10-19T10:00:00Z"), at("2026-11-18T10:20:30Z"));
        let all: Vec<_> = pieces(from, to).collect();
        assert_eq!(all.len(), 6);
        assert_eq!(all[0], (at("2026-11-18T09:00:00Z"), to));
        assert_eq!(all[5].0, from);
        for (later, earlier) in all.iter().zip(&all[1..]) {
            assert_eq!(earlier.1, later.0);
            assert_eq!(earlier.0, rollups::hour(earlier.0));
        }
        assert_eq!(pieces(to, to).count(), 0);
        assert!(pieces(BEGINNING, END).count() < 20);
    }
}
