//! What a list of keys is asked for.

use serde::Deserialize;
use uuid::Uuid;

use crate::api::list::Page;
use crate::domain::tenant::KeyStatus;
use crate::management::Problem;
use crate::management::keys::KeyQuery;
use crate::store::keys::{Finding, Sort};

/// See the module.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filters {
    /// A part of the name or of what is shown of the secret; or the id.
    search: Option<String>,
    #[param(inline)]
    status: Option<KeyStatus>,
    /// Only keys of this project.
    project: Option<Uuid>,
    /// Only keys whose own list allows this model.
    model: Option<String>,
    /// Only keys of this user or token.
    owner: Option<Uuid>,
    /// Only keys that work and have this finding.
    #[param(inline)]
    finding: Option<Finding>,
    /// By what they are sorted; `created` unless given. `usage` is as it was some minutes ago.
    #[param(inline)]
    sort: Option<Sort>,
    /// Ascending for names, else descending, unless given.
    #[param(inline)]
    order: Option<Order>,
    /// How many at most: 1 to 200, 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    Asc,
    Desc,
}

impl Filters {
    pub(super) fn query(self) -> Result<KeyQuery, Problem> {
        let page = Page {
            limit: self.limit,
            cursor: None,
        };
        Ok(KeyQuery {
            search: self.search,
            status: self.status,
            project: self.project,
            model: self.model,
            owner: self.owner,
            finding: self.finding,
            sort: self.sort.unwrap_or_default(),
            descending: self.order.map(|order| order == Order::Desc),
            limit: page.limit()?,
            cursor: self.cursor,
        })
    }
}
