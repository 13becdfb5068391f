//! `/orgs/{org}/usage`, the same of one key, and the same as CSV.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream::try_unfold;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Api;
use super::csv;
use super::ids::Ids;
use super::query::Params;
use crate::domain::role::Role;
use crate::domain::time::Timestamp;
use crate::management::usage::{UsageReport, UsageSearch, columns};
use crate::management::{Management, Problem, Signed};
use crate::store::usage::Group;

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct Search {
    /// From then, its whole hour; 30 days before the end unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Hours that begin before; now unless given. At most 1100 days after `from`.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// By what, one or two with a comma between; `day` unless given.
    #[param(inline, style = Form, explode = false, min_items = 1, max_items = 2)]
    #[serde(deserialize_with = "groups")]
    by: Option<Vec<Group>>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read))
        .routes(routes!(read_key))
        .routes(routes!(download))
}

/// What was used, with the span before to compare. Members see that of their own keys.
#[utoipa::path(get, path = "/orgs/{org}/usage", tag = "usage", operation_id = "read_usage",
    params(Search), responses((status = 200, body = UsageReport)))]
async fn read(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(search): Params<Search>,
) -> Result<Json<UsageReport>, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let report = management.usage(&access, search.of(None)).await?;
    Ok(Json(report))
}

/// What a key used, with the span before to compare.
#[utoipa::path(get, path = "/orgs/{org}/keys/{id}/usage", tag = "usage",
    operation_id = "read_key_usage",
    params(Search), responses((status = 200, body = UsageReport)))]
async fn read_key(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids((org, id)): Ids<(Uuid, Uuid)>,
    Params(search): Params<Search>,
) -> Result<Json<UsageReport>, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let report = management.usage(&access, search.of(Some(id))).await?;
    Ok(Json(report))
}

/// What was used, as CSV.
#[utoipa::path(get, path = "/orgs/{org}/usage.csv", tag = "usage",
    operation_id = "download_usage", params(Search),
    responses((status = 200, content_type = "text/csv", body = String)))]
async fn download(
    State(management): State<Arc<Management>>,
    signed: Signed,
    Ids(org): Ids<Uuid>,
    Params(search): Params<Search>,
) -> Result<Response, Problem> {
    let access = management.access(&signed, org, Role::Viewer)?;
    let search = search.of(None);
    let columns = columns(&search.by);
    let pieces = management.usage_pieces(&access, search).await?;
    let pages = try_unfold(pieces, move |mut pieces| {
        let (management, access) = (Arc::clone(&management), access.clone());
        async move {
            let rows = management.next_usage(&access, &mut pieces).await?;
            Ok(rows.map(|rows| (rows, pieces)))
        }
    });
    csv::file("usage.csv", columns, pages).await
}

impl Search {
    fn of(self, key: Option<Uuid>) -> UsageSearch {
        UsageSearch {
            key,
            from: self.from,
            to: self.to,
            by: self.by.unwrap_or_else(|| vec![Group::Day]),
            ..UsageSearch::default()
        }
    }
}

/// Names with commas between.
fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Group>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let groups = text.split(',').map(|name| {
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        Group::deserialize(name)
    });
    let groups: Result<Vec<Group>, Error> = groups.collect();
    groups.map(Some).map_err(D::Error::custom)
}
