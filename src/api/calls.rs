//! `/orgs/{org}/calls` and the same as CSV.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream::try_unfold;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::csv;
use super::ids::Ids;
use super::list::{List, Page};
use super::query::Params;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;
use crate::management::calls::{COLUMNS, CallSearch, CallView};
use crate::management::{Management, Problem, Signed};

/// Calls of a page of CSV, which is read at once; the first is shorter, so that the answer begins soon.
const PAGE: usize = 1000;
const FIRST: usize = 200;

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct Search {
    /// Only calls of this key.
    key: Option<Uuid>,
    /// Only calls of this model, as clients named it.
    model: Option<String>,
    /// Only calls answered with this status (`429`) or class of them (`5xx`).
    #[param(pattern = "^([1-5][0-9][0-9]|[1-5]xx)$")]
    status: Option<String>,
    /// Only calls that began then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only calls that began before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// How many at most: 1 to 200, 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct Which {
    /// Only calls of this key.
    key: Option<Uuid>,
    /// Only calls of this model, as clients named it.
    model: Option<String>,
    /// Only calls answered with this status (`429`) or class of them (`5xx`).
    #[param(pattern = "^([1-5][0-9][0-9]|[1-5]xx)$")]
    status: Option<String>,
    /// Only calls that began then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only calls that began before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(download))
}

/// A page of calls, newest first, without what was said. Members see those of their own keys. A page
/// before the last may be short where such calls are rare.
#[utoipa::path(get, path = "/orgs/{org}/calls", tag = "usage", operation_id = "list_calls",
    params(Search), responses((status = 200, body = List<CallView>)))]
async fn list(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(search): Params<Search>,
) -> Result<Json<List<CallView>>, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let page = Page {
        limit: search.limit,
        cursor: None,
    };
    let search = CallSearch {
        key: search.key,
        model: search.model,
        status: search.status,
        from: search.from,
        to: search.to,
        cursor: search.cursor,
        limit: page.limit()?,
    };
    let page = management.calls(&access, search).await?;
    Ok(Json(List {
        data: page.calls,
        next_cursor: page.next,
    }))
}

/// All calls as CSV, newest first.
#[utoipa::path(get, path = "/orgs/{org}/calls.csv", tag = "usage",
    operation_id = "download_calls", params(Which),
    responses((status = 200, content_type = "text/csv", body = String)))]
async fn download(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(which): Params<Which>,
) -> Result<Response, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let search = CallSearch {
        key: which.key,
        model: which.model,
        status: which.status,
        from: which.from,
        to: which.to,
        cursor: None,
        limit: FIRST,
    };
    let pages = try_unfold(Some(search), move |search| {
        let (management, access) = (Arc::clone(&management), access.clone());
        async move {
            let Some(mut search) = search else {
                return Ok(None);
            };
            let page = management.calls(&access, search.clone()).await?;
            let rest = page.next.map(|cursor| {
                (search.cursor, search.limit) = (Some(cursor), PAGE);
                search
            });
            Ok(Some((page.calls, rest)))
        }
    });
    csv::file("calls.csv", COLUMNS.to_vec(), pages).await
}
