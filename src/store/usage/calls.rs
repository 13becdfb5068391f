//! The calls themselves, newest first. They are read page by page: no page is a long transaction,
//! and no report needs the memory for all of them.

use sqlx::FromRow;

use super::{BEGINNING, END};
use crate::domain::tenant::{CallId, KeyId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;
use crate::store::{Db, StoreError};
use uuid::Uuid;

const PAGE: usize = 1000;

macro_rules! select {
    ($key:literal) => {
        concat!(
            "SELECT id, at, key_id, model, provider, status, source, input_tokens, output_tokens,
                 total_tokens, cost_nano, duration_ms, first_token_ms
             FROM events WHERE organisation_id = $1 AND at >= $2 AND (at, id) < ($3, $4)",
            $key,
            " ORDER BY at DESC, id DESC LIMIT $5"
        )
    };
}

pub(in crate::store) const OF_ORGANISATION: &str = select!("");
pub(in crate::store) const OF_KEY: &str = select!(" AND key_id = $6");

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
    // No call's id is nil, so that a range without a mark ends right before its instant.
    let mut mark = (query.to.unwrap_or(END), CallId(Uuid::nil()));
    loop {
        let rows = page(db, organisation, query, mark).await?;
        let is_last = rows.len() < PAGE;
        if let Some(last) = rows.last() {
            mark = (last.at, last.id);
        }
        rows.into_iter().for_each(&mut take);
        if is_last {
            return Ok(());
        }
    }
}

async fn page(
    db: &Db,
    organisation: OrganisationId,
    query: CallsQuery,
    (at, id): (Timestamp, CallId),
) -> Result<Vec<CallRow>, StoreError> {
    let from = query.from.unwrap_or(BEGINNING);
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let sql = if query.key.is_some() {
        OF_KEY
    } else {
        OF_ORGANISATION
    };
    Ok(with_pool!(db, |pool| {
        let page = sqlx::query_as(sql)
            .bind(organisation)
            .bind(from)
            .bind(at)
            .bind(id);
        let page = page.bind(limit);
        match query.key {
            Some(key) => page.bind(key).fetch_all(pool).await,
            None => page.fetch_all(pool).await,
        }
    })?)
}
