//! Lists, page by page. A cursor is opaque: it names the last thing of the page before.

use serde::{Deserialize, Serialize};

use crate::management::{Faults, Problem};

const LARGEST: u16 = 200;
const USUAL: u16 = 50;

/// A page of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct List<T> {
    /// What is on it.
    pub(super) data: Vec<T>,
    /// Where the next page begins; none after the last.
    pub(super) next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct Page {
    /// How many at most: 1 to 200, 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

impl Page {
    /// How many at most.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(USUAL);
        let mut faults = Faults::default();
        if !(1..=LARGEST).contains(&limit) {
            faults.add("limit", "1 to 200");
        }
        faults.check()?;
        Ok(usize::from(limit))
    }
}

impl<T> List<T> {
    /// All there is.
    pub(super) fn whole(data: Vec<T>) -> Self {
        Self {
            data,
            next_cursor: None,
        }
    }
}
