//! Search and filters over a list. The address holds them, so a filtered list can be shared.

use askama::Template;

use super::Icon;

/// A search box and the filters beside it.
#[derive(Clone, Debug, Template)]
#[template(path = "components/filters.html")]
pub struct Filters {
    /// The list's address.
    pub action: String,
    /// What is searched, such as `Search keys`; empty if nothing can be.
    pub search: &'static str,
    /// What was searched for.
    pub query: String,
    /// Filters that are not the search's, kept while searching.
    pub kept: Vec<(&'static str, String)>,
    /// One after the other.
    pub chips: Vec<Chip>,
}

/// One filter: a link that sets it or takes it away.
#[derive(Clone, Debug)]
pub struct Chip {
    /// Its name, such as `Disabled`.
    pub name: String,
    /// Where it leads.
    pub address: String,
    /// How many rows have it, if that was counted.
    pub count: Option<String>,
    /// It is set.
    pub is_on: bool,
}
