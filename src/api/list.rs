//! Lists, page by page. A cursor is opaque: it names the last thing of the page before.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::management::{Faults, Problem, cursor};

const LARGEST: u16 = 200;
const USUAL: u16 = 50;
const LIMITS: &str = "1 to 200";

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
        if !is_limit(limit) {
            faults.add("limit", LIMITS);
        }
        faults.check()?;
        Ok(usize::from(limit))
    }
}

/// Which page of a list that is short: all of it unless something is asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Part {
    /// How many at most: 1 to 200, all unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl<T> List<T> {
    /// The page of `all` that is asked for, in the order of `place`, which nothing else here has. What
    /// was deleted meanwhile is no hindrance.
    pub(super) fn part<P: Ord + Serialize + DeserializeOwned>(
        mut all: Vec<T>,
        part: &Part,
        place: impl Fn(&T) -> P,
    ) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        let limit = part.limit.map_or(usize::MAX, usize::from);
        if part.limit.is_some_and(|limit| !is_limit(limit)) {
            faults.add("limit", LIMITS);
        }
        let after: Option<P> = cursor::read(part.cursor.as_deref(), &mut faults);
        faults.check()?;
        all.sort_by_cached_key(&place);
        all.retain(|one| after.as_ref().is_none_or(|after| place(one) > *after));
        let is_more = all.len() > limit;
        all.truncate(limit);
        let last = all.last().filter(|_| is_more);
        Ok(Self {
            next_cursor: last.map(|last| cursor::write(&place(last))),
            data: all,
        })
    }
}

fn is_limit(limit: u16) -> bool {
    (1..=LARGEST).contains(&limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(all: &[&'static str], part: &Part) -> (Vec<&'static str>, Option<String>) {
        let list = List::part(all.to_vec(), part, |name| (*name).to_owned());
        let list = list.ok().unwrap();
        (list.data, list.next_cursor)
    }

    #[test]
    fn a_short_list_is_whole_unless_part_of_it_is_asked_for() {
        let all = ["b", "a", "c"];
        let whole = part(&all, &Part::default());
        assert_eq!(whole, (vec!["a", "b", "c"], None));
        let limit = Some(2);
        let (data, cursor) = part(
            &all,
            &Part {
                limit,
                cursor: None,
            },
        );
        assert_eq!(data, ["a", "b"]);
        // The last one shown is gone; the next page begins where it was.
        let rest = part(&["a", "c"], &Part { limit, cursor });
        assert_eq!(rest, (vec!["c"], None));
    }
}
