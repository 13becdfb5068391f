//! An organisation's name and limits.

use askama::Template;

use crate::dashboard::components::{Conflict, Field, Icon, QuotaBar};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::OrganisationId;

/// An organisation's settings.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/settings.html")]
pub struct SettingsPage {
    /// Around it.
    pub frame: Frame,
    /// Which.
    pub organisation: OrganisationId,
    /// The viewer may rename it.
    pub can_write: bool,
    /// What it is called.
    pub name: Field,
    /// Which state of it was edited; another one is refused.
    pub version: i64,
    /// What to do where someone else was faster.
    pub conflict: Option<Conflict>,
    /// What the operator allows all of it.
    pub budgets: Vec<QuotaBar>,
    /// The other limits: name and value.
    pub limits: Vec<(&'static str, String)>,
}
