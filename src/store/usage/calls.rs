//! The calls themselves, newest first. They are read page by page: no page is a long transaction,
//! and no report needs the memory for all of them.

use std::time::Duration;

use sqlx::FromRow;

use super::{BEGINNING, END};
use crate::domain::tenant::{CallId, KeyId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;
use crate::store::{Db, StoreError};
use uuid::Uuid;

const PAGE: usize = 1000;
const DAY: Duration = Duration::from_hours(24);

macro_rules! select {
    ($key:literal) => {
        concat!(
            "SELECT e.id, e.at, k.key_id, k.model, k.provider, k.status, k.source, e.input_tokens,
                 e.output_tokens, e.total_tokens, e.cost_nano, e.duration_ms, e.first_token_ms
             FROM events e CROSS JOIN kinds k
             WHERE k.id = e.kind_id AND e.organisation_id = $1 AND e.at >= $2
                 AND (e.at, e.id) < ($3, $4)",
            $key,
            " ORDER BY e.at DESC, e.id DESC LIMIT $5"
        )
    };
}

pub(in crate::store) const OF_ORGANISATION: &str = select!("");
pub(in crate::store) const OF_KEY: &str = select!(" AND k.key_id = $6");
pub(in crate::store) const DAYS: &str = "SELECT DISTINCT day FROM kinds
    WHERE key_id = $1 AND organisation_id = $2 AND day > $3 AND day < $4 ORDER BY day DESC";

/// Which calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallsQuery {
    /// Those of one key.
    pub key: Option<KeyId>,
    /// Those that began at this instant or later.
    pub from: Option<Timestamp>,
    /// Those that began before this instant.
    pub to: Option<Timestamp>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CallRow {
    /// The client's `x-request-id`.
    pub id: CallId,
    /// When it began.
    pub at: Timestamp,
    /// Who called.
    pub key_id: KeyId,
    /// The model as the client named it.
    pub model: String,
    /// Who answered.
    pub provider: String,
    /// The HTTP status answered to the client.
    #[sqlx(try_from = "i32")]
    pub status: u16,
    /// Where the numbers come from.
    pub source: Source,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Completion tokens.
    pub output_tokens: i64,
    /// Tokens charged.
    pub total_tokens: i64,
    /// In nano-USD.
    pub cost_nano: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// When the first token came.
    pub first_token_ms: Option<i64>,
}

/// All calls that `query` means, newest first, in memory.
pub async fn calls(
    db: &Db,
    organisation: OrganisationId,
    query: CallsQuery,
) -> Result<Vec<CallRow>, StoreError> {
    let mut rows = Vec::new();
    for_each_call(db, organisation, query, |row| rows.push(row)).await?;
    Ok(rows)
}

/// Hands all calls that `query` means to `take`, newest first.
pub async fn for_each_call(
    db: &Db,
    organisation: OrganisationId,
    query: CallsQuery,
    mut take: impl FnMut(CallRow),
) -> Result<(), StoreError> {
    for (from, to) in spans(db, organisation, query).await? {
        // No call's id is nil, so that a range without a mark ends right before its instant.
        let mut mark = (to, CallId(Uuid::nil()));
        loop {
            let rows = page(db, organisation, query.key, from, mark).await?;
            let is_last = rows.len() < PAGE;
            if let Some(last) = rows.last() {
                mark = (last.at, last.id);
            }
            rows.into_iter().for_each(&mut take);
            if is_last {
                break;
            }
        }
    }
    Ok(())
}

/// Where to look, newest first. Calls lie in the order of their organisation's, so that those of
/// one key are looked for only on days when it had some.
async fn spans(
    db: &Db,
    organisation: OrganisationId,
    query: CallsQuery,
) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
    let (from, to) = (query.from.unwrap_or(BEGINNING), query.to.unwrap_or(END));
    let Some(key) = query.key else {
        return Ok(vec![(from, to)]);
    };
    let days: Vec<(Timestamp,)> = with_pool!(db, |pool| {
        let days = sqlx::query_as(DAYS).bind(key).bind(organisation);
        let days = days.bind(from.minus(DAY)).bind(to);
        days.fetch_all(pool).await
    })?;
    let days = days.into_iter().map(|(day,)| day);
    Ok(days
        .map(|day| (day.max(from), day.plus(DAY).min(to)))
        .collect())
}

async fn page(
    db: &Db,
    organisation: OrganisationId,
    key: Option<KeyId>,
    from: Timestamp,
    (at, id): (Timestamp, CallId),
) -> Result<Vec<CallRow>, StoreError> {
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let sql = if key.is_some() {
        OF_KEY
    } else {
        OF_ORGANISATION
    };
    Ok(with_pool!(db, |pool| {
        let page = sqlx::query_as(sql).bind(organisation).bind(from);
        let page = page.bind(at).bind(id).bind(limit);
        match key {
            Some(key) => page.bind(key).fetch_all(pool).await,
            None => page.fetch_all(pool).await,
        }
    })?)
}
