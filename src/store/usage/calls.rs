//! The calls themselves, newest first. They are read page by page: no page is a long transaction,
//! and no report needs the memory for all of them.

use std::time::Duration;

use sqlx::{FromRow, QueryBuilder};

use super::{BEGINNING, END};
use crate::domain::tenant::{CallId, KeyId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;
use crate::store::{Db, StoreError};
use uuid::Uuid;

const PAGE: usize = 1000;
const FEW: [usize; 2] = [50, 200];
const DAY: Duration = Duration::from_hours(24);

/// Days that are looked through for a page, before one is answered that is not full.
const DAYS: usize = 31;

const SELECT: &str = "SELECT e.id, e.at, k.key_id, k.model, k.provider, k.status, k.source,
        e.input_tokens, e.output_tokens, e.total_tokens, e.cost_nano, e.duration_ms,
        e.first_token_ms
    FROM events e CROSS JOIN kinds k WHERE k.id = e.kind_id AND e.organisation_id = ";
const LATEST_DAY: &str = "SELECT k.day FROM kinds k WHERE k.organisation_id = ";

/// Which calls.
#[derive(Clone, Debug, Default)]
pub struct CallsQuery {
    /// Those of one key.
    pub key: Option<KeyId>,
    /// Those of all keys of this user or token.
    pub owner: Option<Uuid>,
    /// Those of one model, as clients named it.
    pub model: Option<String>,
    /// Those whose status lies between these two, both included.
    pub status: Option<(u16, u16)>,
    /// Those that began at this instant or later.
    pub from: Option<Timestamp>,
    /// Those that began before this instant.
    pub to: Option<Timestamp>,
}

/// A place among an organisation's calls: the call before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallMark {
    /// When that began.
    pub at: Timestamp,
    /// Its id; nil where the place is right before an instant.
    pub id: CallId,
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

/// Writes what `$query` asks of a call's kind behind `$sql`, for either engine.
macro_rules! narrow {
    ($sql:expr, $organisation:expr, $query:expr) => {{
        let (sql, query) = (&mut $sql, $query);
        if let Some(key) = query.key {
            sql.push(" AND k.key_id = ").push_bind(key);
        }
        if let Some(owner) = query.owner {
            sql.push(" AND k.key_id IN (SELECT id FROM keys WHERE organisation_id = ");
            sql.push_bind($organisation).push(" AND owner_id = ");
            sql.push_bind(owner).push(")");
        }
        if let Some(model) = &query.model {
            sql.push(" AND k.model = ").push_bind(model.clone());
        }
        if let Some((least, most)) = query.status {
            sql.push(" AND k.status >= ").push_bind(i32::from(least));
            sql.push(" AND k.status <= ").push_bind(i32::from(most));
        }
    }};
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
    let mut after = None;
    loop {
        let (rows, next) = calls_page(db, organisation, &query, after, PAGE).await?;
        rows.into_iter().for_each(&mut take);
        if next.is_none() {
            return Ok(());
        }
        after = next;
    }
}

/// The calls after a mark, at most `limit`, newest first, and the mark of what follows; none after the
/// last. There can be fewer, or none, before the last: rare calls are not looked for without an end.
pub async fn calls_page(
    db: &Db,
    organisation: OrganisationId,
    query: &CallsQuery,
    after: Option<CallMark>,
    limit: usize,
) -> Result<(Vec<CallRow>, Option<CallMark>), StoreError> {
    let to = CallMark::before(query.to.unwrap_or(END));
    let mut mark = after.map_or(to, |after| after.min(to));
    let mut rows = Vec::new();
    for _ in 0..DAYS {
        let Some((from, before)) = span(db, organisation, query, mark).await? else {
            return Ok((rows, None));
        };
        let wanted = limit.saturating_sub(rows.len());
        let found = page(db, organisation, query, (from, before), wanted).await?;
        let last = found.last().filter(|_| found.len() == wanted);
        let full = last.map(CallRow::mark);
        mark = full.unwrap_or_else(|| CallMark::before(from));
        rows.extend(found);
        if full.is_some() {
            break;
        }
    }
    Ok((rows, Some(mark)))
}

/// Where to look next. Calls lie in the order of their organisation's, so that some of them are
/// looked for only on days when there were such.
async fn span(
    db: &Db,
    organisation: OrganisationId,
    query: &CallsQuery,
    mark: CallMark,
) -> Result<Option<(Timestamp, CallMark)>, StoreError> {
    let from = query.from.unwrap_or(BEGINNING);
    if mark <= CallMark::before(from) {
        return Ok(None);
    }
    if query.takes_all() {
        return Ok(Some((from, mark)));
    }
    let day: Option<(Timestamp,)> = with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(LATEST_DAY);
        sql.push_bind(organisation);
        sql.push(" AND k.day > ").push_bind(from.minus(DAY));
        // Calls at the very instant of a mark may begin a day.
        sql.push(" AND k.day < ").push_bind(mark.end());
        narrow!(sql, organisation, query);
        sql.push(" ORDER BY k.day DESC LIMIT 1");
        sql.build_query_as().fetch_optional(pool).await
    })?;
    Ok(day.map(|(day,)| (day.max(from), mark.min(CallMark::before(day.plus(DAY))))))
}

async fn page(
    db: &Db,
    organisation: OrganisationId,
    query: &CallsQuery,
    (from, before): (Timestamp, CallMark),
    limit: usize,
) -> Result<Vec<CallRow>, StoreError> {
    // In the text, one of few: a planner that does not know how few are wanted would sort all of them.
    let most = FEW.into_iter().find(|few| *few >= limit);
    let most = most.unwrap_or(PAGE).max(limit);
    let mut found: Vec<CallRow> = with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(SELECT);
        sql.push_bind(organisation);
        sql.push(" AND e.at >= ").push_bind(from);
        sql.push(" AND (e.at, e.id) < (").push_bind(before.at);
        sql.push(", ").push_bind(before.id).push(")");
        narrow!(sql, organisation, query);
        sql.push(format_args!(" ORDER BY e.at DESC, e.id DESC LIMIT {most}"));
        sql.build_query_as().fetch_all(pool).await
    })?;
    found.truncate(limit);
    Ok(found)
}

impl CallsQuery {
    fn takes_all(&self) -> bool {
        let is_narrow = self.key.is_some() || self.owner.is_some();
        !is_narrow && self.model.is_none() && self.status.is_none()
    }
}

impl CallMark {
    /// Right before `at`: no call's id is nil.
    fn before(at: Timestamp) -> Self {
        let id = CallId(Uuid::nil());
        Self { at, id }
    }

    /// The first instant all of whose calls lie behind it.
    fn end(self) -> Timestamp {
        if self.id.0.is_nil() {
            return self.at;
        }
        self.at.plus(Duration::from_micros(1))
    }
}

impl CallRow {
    /// Its place.
    fn mark(&self) -> CallMark {
        let (at, id) = (self.at, self.id);
        CallMark { at, id }
    }
}
