//! `…/keys/{id}/refusals`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::Api;
use crate::api::ids::Ids;
use crate::api::query::Params;
use crate::domain::price::format_usd;
use crate::domain::role::Role;
use crate::domain::tenant::CallId;
use crate::domain::time::Timestamp;
use crate::management::{self, Management, Problem, Signed};
use crate::store::refusals::{RefusalCount, RefusalRow};

/// The refused calls of a key.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Refusals)]
struct View {
    /// How many there were, the latest hour first.
    hours: Vec<HourOfCode>,
    /// The last hundred, newest first.
    last: Vec<Refusal>,
}

/// How many calls of an hour were refused for one reason.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = RefusalCount)]
struct HourOfCode {
    #[schema(value_type = String, format = DateTime)]
    hour: Timestamp,
    /// The code that clients saw.
    code: String,
    count: i64,
}

/// A call that was refused.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Refusal)]
struct Refusal {
    /// Its `x-request-id`.
    id: CallId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The code that the client saw.
    code: String,
    /// Whose limit it was: `organisation`, `project` or `key`; null if it was no limit.
    scope: Option<String>,
    /// Its name among the limits.
    rule: Option<String>,
    /// What it allows; null for a budget.
    amount: Option<i64>,
    /// What a budget allows.
    amount_usd: Option<String>,
    /// When there is room again, if that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    frees_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct Range {
    /// Counts since then; of the last seven days unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Why calls of a key were refused: counts by hour and code, and the last hundred.
#[utoipa::path(get, path = "/orgs/{org}/keys/{id}/refusals", tag = "keys",
    operation_id = "read_key_refusals",
    params(Range), responses((status = 200, body = View)))]
async fn read(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
    Params(range): Params<Range>,
) -> Result<Json<View>, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let refusals = management.refusals(&access, id, range.from).await?;
    Ok(Json(View::from(refusals)))
}

impl From<management::Refusals> for View {
    fn from(refusals: management::Refusals) -> Self {
        Self {
            hours: refusals.hours.into_iter().map(HourOfCode::from).collect(),
            last: refusals.last.into_iter().map(Refusal::from).collect(),
        }
    }
}

impl From<RefusalCount> for HourOfCode {
    fn from(count: RefusalCount) -> Self {
        Self {
            hour: count.hour,
            code: count.code,
            count: count.count,
        }
    }
}

impl From<RefusalRow> for Refusal {
    fn from(row: RefusalRow) -> Self {
        let is_money = row.rule.as_deref() == Some("budget");
        Self {
            id: row.id,
            at: row.at,
            code: row.code,
            scope: row.scope,
            rule: row.rule,
            amount: row.amount.filter(|_| !is_money),
            amount_usd: row.amount.filter(|_| is_money).map(format_usd),
            frees_at: row.frees_at,
        }
    }
}
