//! The calls of an organisation, newest first: when, who, what and how much, never what was said.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Access, Faults, Management, Problem, cursor};
use crate::domain::price::format_usd;
use crate::domain::tenant::{CallId, KeyId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;
use crate::store::usage::{self, CallMark, CallRow, CallsQuery};

/// The fields of a call, in their order.
pub const COLUMNS: [&str; 13] = [
    "id",
    "at",
    "key_id",
    "model",
    "provider",
    "status",
    "source",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_usd",
    "duration_ms",
    "first_token_ms",
];

/// Which calls, and how many; all unless it says otherwise.
#[derive(Clone, Debug, Default)]
pub struct CallSearch {
    /// Only those of this key.
    pub key: Option<Uuid>,
    /// Only those of this model.
    pub model: Option<String>,
    /// Only those of this status (`429`) or class (`5xx`).
    pub status: Option<String>,
    /// Only those that began at this instant or later.
    pub from: Option<Timestamp>,
    /// Only those that began before this instant.
    pub to: Option<Timestamp>,
    /// The cursor of the page before.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A page of calls.
#[derive(Debug, Default)]
pub struct CallList {
    /// What is on it; less than asked for, also nothing, before the last page where calls are rare.
    pub calls: Vec<CallView>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// A call. Nothing of what was said.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Call)]
pub struct CallView {
    /// The client's `x-request-id`.
    pub id: CallId,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who called.
    pub key_id: KeyId,
    /// The model as the client named it.
    pub model: String,
    /// Who answered.
    pub provider: String,
    /// The HTTP status that was answered.
    pub status: u16,
    /// Where the numbers come from.
    pub source: Source,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Completion tokens.
    pub output_tokens: i64,
    /// Tokens charged.
    pub total_tokens: i64,
    /// What it cost, in US dollars.
    pub cost_usd: String,
    /// How long it took.
    pub duration_ms: i64,
    /// When the first token came; null if none was waited for.
    pub first_token_ms: Option<i64>,
}

/// What a cursor says.
#[derive(Serialize, Deserialize)]
struct Place(i64, Uuid);

impl Management {
    /// A page of the calls that whoever asks may see.
    pub async fn calls(&self, access: &Access, search: CallSearch) -> Result<CallList, Problem> {
        let mut faults = Faults::default();
        let after = cursor::read(search.cursor.as_deref(), &mut faults);
        let after = after.map(|Place(at, id)| CallMark {
            at: Timestamp(at),
            id: CallId(id),
        });
        let status = search.status.as_deref();
        let status = status.and_then(|text| read_status(text, &mut faults));
        if search
            .model
            .as_deref()
            .is_some_and(|text| text.contains('\0'))
        {
            faults.add("model", "is no name of a model");
        }
        if let (Some(from), Some(to)) = (search.from, search.to)
            && from >= to
        {
            faults.add("from", "lies behind to");
        }
        faults.check()?;
        let query = CallsQuery {
            key: search.key.map(KeyId),
            owner: access.own_only(),
            model: search.model,
            status,
            from: search.from,
            to: search.to,
        };
        let (db, organisation) = (&self.db, access.organisation());
        let limit = search.limit.max(1);
        let (rows, next) = usage::calls_page(db, organisation, &query, after, limit).await?;
        Ok(CallList {
            calls: rows.into_iter().map(CallView::from).collect(),
            next: next.map(|mark| cursor::write(&Place(mark.at.0, mark.id.0))),
        })
    }
}

/// The statuses that `text` means: one, or a class of them.
fn read_status(text: &str, faults: &mut Faults) -> Option<(u16, u16)> {
    let class = text
        .strip_suffix("xx")
        .and_then(|class| class.parse::<u16>().ok());
    let class = class.filter(|class| (1..=5).contains(class));
    let one = text.parse::<u16>().ok();
    let one = one.filter(|status| (100..=599).contains(status));
    let classes = class.map(|class| (class * 100, class * 100 + 99));
    let range = classes.or(one.map(|status| (status, status)));
    if range.is_none() {
        faults.add("status", "a status such as 429, or a class such as 5xx");
    }
    range
}

impl From<CallRow> for CallView {
    fn from(row: CallRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            key_id: row.key_id,
            model: row.model,
            provider: row.provider,
            status: row.status,
            source: row.source,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            total_tokens: row.total_tokens,
            cost_usd: format_usd(row.cost_nano),
            duration_ms: row.duration_ms,
            first_token_ms: row.first_token_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_or_a_class() {
        let read = |text| {
            let mut faults = Faults::default();
            let range = read_status(text, &mut faults);
            assert_eq!(range.is_none(), !faults.is_empty());
            range
        };
        assert_eq!(read("429"), Some((429, 429)));
        assert_eq!(read("5xx"), Some((500, 599)));
        for text in ["", "xx", "6xx", "99", "600", "-1", "ok", "4XX", "+200x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
