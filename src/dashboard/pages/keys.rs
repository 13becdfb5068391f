//! All keys of an organisation.

use askama::Template;

use crate::dashboard::components::{
    Empty, Filters, Head, Icon, KeyBadge, Pager, QuotaBar, Sparkline, Time,
};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};

/// The table of keys.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/keys.html")]
pub struct KeysPage {
    /// Around it.
    pub frame: Frame,
    /// Whose keys.
    pub organisation: OrganisationId,
    /// The viewer may create and edit.
    pub can_write: bool,
    /// What is searched and filtered.
    pub filters: Filters,
    /// The columns.
    pub head: Head,
    /// The keys.
    pub rows: Vec<KeyRow>,
    /// To the others.
    pub pager: Pager,
    /// While there is none at all.
    pub empty: Option<Empty>,
}

/// A key in the table.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// The key.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// What it looks like, and its state.
    pub key: KeyBadge,
    /// Its project, and what that is called.
    pub project: (ProjectId, String),
    /// What it may call, in short.
    pub models: String,
    /// Requests a minute, or a dash.
    pub per_minute: String,
    /// Where its quota or budget stands.
    pub quota: Option<QuotaBar>,
    /// When it last called.
    pub last_used: Option<Time>,
    /// Its tokens of 30 days, by which the list sorts.
    pub tokens: String,
    /// Its requests of 14 days.
    pub sparkline: Sparkline,
    /// Who made it, and when.
    pub created: (String, Time),
}
