//! Lists of keys, page by page, as people look for them. A page begins after a mark, the last thing of
//! the page before, so that it costs the same however far down it is. Its keys are found first, by what
//! lists are narrowed and sorted by; what is shown is read of these alone.

use std::time::Duration;

use serde::Deserialize;
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::Key;
use super::row::{self, KeyRow};
use crate::domain::tenant::{KeyId, KeyStatus, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::pattern::contains;
use crate::store::{Db, StoreError};

/// Up to the tables that keys are found in.
const SELECT: &str = select!(
    ", u.last_used_at, u.tokens_30d",
    "JOIN key_uses u ON u.key_id = k.id",
    "AND k.id IN (SELECT found.id FROM (SELECT k.id FROM keys k"
);
const USES: &str = " JOIN key_uses u ON u.key_id = k.id";
const NEWEST: &str =
    " JOIN key_secrets newest ON newest.key_id = k.id AND newest.grace_until IS NULL";
const PREVIOUS: &str =
    " JOIN key_secrets previous ON previous.key_id = k.id AND previous.grace_until IS NOT NULL";
const OF_ORGANISATION: &str = " WHERE k.deleted_at IS NULL AND k.organisation_id = ";
const NO_LIMIT: &str = " AND COALESCE(k.limits ->> 'requests_per_minute',
    k.limits ->> 'tokens_per_minute', k.limits ->> 'requests_per_day', k.limits ->> 'concurrency',
    k.limits ->> 'quota', k.limits ->> 'budget') IS NULL";

/// A key that makes no calls for so long is idle.
const IDLE: Duration = Duration::from_hours(24 * 30);

/// A secret that is in use for longer is old.
const OLD: Duration = Duration::from_hours(24 * 180);

/// By what a list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Its name.
    Name,
    /// When it was created.
    #[default]
    Created,
    /// When it last called.
    LastUsed,
    /// Its tokens of the last 30 days, as they were a while ago.
    Usage,
}

/// What is not as it should be with a key that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It made no call for 30 days.
    Idle,
    /// It never stops working.
    NoExpiry,
    /// It has no limit of its own.
    NoLimit,
    /// Its secret is older than 180 days.
    Old,
    /// Calls are still made with the secret that was rotated away.
    GraceInUse,
}

/// Which keys.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Only this user's or token's.
    pub owner: Option<Uuid>,
    /// A part of the name or of what is shown of the secret, in any case; or the id.
    pub search: Option<String>,
    /// Only those of this status.
    pub status: Option<KeyStatus>,
    /// Only those of this project.
    pub project: Option<ProjectId>,
    /// Only those whose own list may allow this model: some of them do not.
    pub model: Option<String>,
    /// Only those with this finding.
    pub finding: Option<Finding>,
    /// In which order.
    pub sort: Sort,
    /// Whether the largest come first.
    pub descending: bool,
    /// Only those after it.
    pub after: Option<Mark>,
    /// How many at most.
    pub limit: usize,
    /// Now.
    pub now: Timestamp,
}

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What the key there is sorted by.
    pub value: MarkValue,
    /// The key there.
    pub id: KeyId,
}

/// What keys are sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkValue {
    /// Names.
    Text(String),
    /// Times.
    Time(Timestamp),
    /// Tokens.
    Number(i64),
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    key: KeyRow,
    last_used_at: Timestamp,
    tokens_30d: i64,
}

impl Sort {
    /// The columns: the second tells those apart whose first is alike.
    fn columns(self) -> [&'static str; 2] {
        match self {
            Self::Name => ["k.name", "k.id"],
            Self::Created => ["k.created_at", "k.id"],
            Self::LastUsed => ["u.last_used_at", "u.key_id"],
            Self::Usage => ["u.tokens_30d", "u.key_id"],
        }
    }

    fn place(self, row: Row) -> (Key, Mark) {
        let key = Key::from(row.key);
        let value = match self {
            Self::Name => MarkValue::Text(key.name.clone()),
            Self::Created => MarkValue::Time(key.created_at),
            Self::LastUsed => MarkValue::Time(row.last_used_at),
            Self::Usage => MarkValue::Number(row.tokens_30d),
        };
        let id = key.id;
        (key, Mark { value, id })
    }
}

impl PageQuery {
    /// What keys are found by besides their own columns.
    fn tables(&self) -> [&'static str; 2] {
        let by_use = matches!(self.sort, Sort::LastUsed | Sort::Usage);
        let uses = by_use || self.finding == Some(Finding::Idle);
        let secrets = match self.finding {
            Some(Finding::Old) => NEWEST,
            Some(Finding::GraceInUse) => PREVIOUS,
            _ => "",
        };
        [if uses { USES } else { "" }, secrets]
    }
}

/// Writes what `$query` asks for behind `$sql`, for either engine.
macro_rules! narrow {
    ($sql:expr, $query:expr) => {{
        let (sql, query) = (&mut $sql, $query);
        for table in query.tables() {
            sql.push(table);
        }
        sql.push(OF_ORGANISATION).push_bind(query.organisation);
        if matches!(query.sort, Sort::LastUsed | Sort::Usage) {
            sql.push(" AND u.organisation_id = ");
            sql.push_bind(query.organisation);
        }
        if let Some(owner) = query.owner {
            sql.push(" AND k.owner_id = ").push_bind(owner);
        }
        if let Some(status) = query.status {
            sql.push(" AND k.status = ").push_bind(status);
        }
        if let Some(project) = query.project {
            sql.push(" AND k.project_id = ").push_bind(project);
        }
        if let Some(search) = &query.search {
            search_for!(&mut *sql, search);
        }
        if let Some(model) = &query.model {
            let named = contains(&format!("\"{model}\""));
            sql.push(" AND (k.models IS NULL OR CAST(k.models AS TEXT) LIKE '%*%'");
            sql.push(" OR CAST(k.models AS TEXT) LIKE ");
            sql.push_bind(named).push(" ESCAPE '\\')");
        }
        if let Some(finding) = query.finding {
            find!(&mut *sql, finding, query.now);
        }
    }};
}

macro_rules! search_for {
    ($sql:expr, $search:expr) => {{
        let (sql, search) = ($sql, $search);
        if let Ok(id) = search.parse::<Uuid>() {
            sql.push(" AND k.id = ").push_bind(id);
        } else {
            sql.push(" AND k.search LIKE ");
            sql.push_bind(contains(&search.to_lowercase()));
            sql.push(" ESCAPE '\\'");
        }
    }};
}

macro_rules! find {
    ($sql:expr, $finding:expr, $now:expr) => {{
        let (sql, now): (_, Timestamp) = ($sql, $now);
        sql.push(" AND k.status = 'active'");
        match $finding {
            Finding::Idle => {
                sql.push(" AND u.last_used_at < ")
                    .push_bind(now.minus(IDLE));
                sql.push(" AND k.created_at < ").push_bind(now.minus(IDLE));
            }
            Finding::NoExpiry => drop(sql.push(" AND k.expires_at IS NULL")),
            Finding::NoLimit => drop(sql.push(NO_LIMIT)),
            Finding::Old => {
                sql.push(" AND newest.created_at < ")
                    .push_bind(now.minus(OLD));
            }
            Finding::GraceInUse => {
                sql.push(" AND previous.calls > 0 AND previous.grace_until > ");
                sql.push_bind(now);
            }
        }
    }};
}

macro_rules! order {
    ($sql:expr, $query:expr) => {{
        let (sql, query) = (&mut $sql, $query);
        let [value, id] = query.sort.columns();
        let (beyond, way) = if query.descending {
            (" < (", " DESC")
        } else {
            (" > (", "")
        };
        if let Some(mark) = &query.after {
            sql.push(format_args!(" AND ({value}, {id}){beyond}"));
            match mark.value.clone() {
                MarkValue::Text(text) => sql.push_bind(text),
                MarkValue::Time(time) => sql.push_bind(time),
                MarkValue::Number(number) => sql.push_bind(number),
            };
            sql.push(", ").push_bind(mark.id).push(")");
        }
        // In the text: a planner that does not know how few are wanted would sort all of them.
        let (order, limit) = (format!("{value}{way}, {id}{way}"), query.limit);
        sql.push(format_args!(" ORDER BY {order} LIMIT {limit}) AS found)"));
        sql.push(format_args!(" ORDER BY {order}"));
    }};
}

/// A page of keys with their places, and whether it is the last. One that cannot be read is left out.
pub async fn page(db: &Db, query: &PageQuery) -> Result<(Vec<(Key, Mark)>, bool), StoreError> {
    let rows: Vec<Result<Row, sqlx::Error>> = with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(SELECT);
        narrow!(sql, query);
        order!(sql, query);
        let rows = sql.build().fetch_all(pool).await?;
        rows.iter().map(Row::from_row).collect()
    });
    let is_last = rows.len() < query.limit;
    let keys = rows.into_iter().filter_map(row::readable);
    Ok((keys.map(|row| query.sort.place(row)).collect(), is_last))
}
