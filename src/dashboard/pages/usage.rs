//! Usage in any grouping; the address holds what is shown.

use askama::Template;

use crate::dashboard::components::{Chart, Chip, Field, Head, Icon, Stat};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::OrganisationId;

/// Usage of an organisation.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/usage.html")]
pub struct UsagePage {
    /// Around it.
    pub frame: Frame,
    /// Whose.
    pub organisation: OrganisationId,
    /// By key, model, project or day.
    pub groupings: Vec<Chip>,
    /// Tokens, requests or cost.
    pub measures: Vec<Chip>,
    /// Spans of time.
    pub ranges: Vec<Chip>,
    /// The first and the last day.
    pub days: (Field, Field),
    /// Requests, tokens, cost and errors of all of it, or of the compared keys.
    pub stats: Vec<Stat>,
    /// What of the address the span's form keeps.
    pub kept: Vec<(&'static str, String)>,
    /// What of the address the comparison keeps.
    pub kept_compared: Vec<(&'static str, String)>,
    /// Keys that are compared, each a link that takes it out.
    pub compared: Vec<Chip>,
    /// Drawn.
    pub chart: Chart,
    /// The columns.
    pub head: Head,
    /// The groups.
    pub rows: Vec<UsageRow>,
    /// Which they are if there are more, such as `100 largest keys`; only the CSV has all.
    pub listed: Option<String>,
    /// The same as CSV.
    pub csv: String,
}

impl UsagePage {
    /// Its rows can be ticked.
    fn is_comparable(&self) -> bool {
        self.rows.iter().any(|row| row.id.is_some())
    }
}

/// One group.
#[derive(Clone, Debug)]
pub struct UsageRow {
    /// Its name: a key, a model, a project, a day.
    pub name: String,
    /// Its page, if it has one.
    pub address: Option<String>,
    /// What is ticked to compare it with others; keys only.
    pub id: Option<String>,
    /// It is ticked.
    pub is_compared: bool,
    /// Calls handed to a provider.
    pub requests: String,
    /// Those not answered well, with their share.
    pub errors: String,
    /// Tokens in.
    pub input: String,
    /// Tokens out.
    pub output: String,
    /// All tokens.
    pub total: String,
    /// Of them estimated.
    pub estimated: String,
    /// What it cost.
    pub cost: String,
}
