//! What an organisation did lately, and what asks for a look.

use askama::Template;

use super::RefusalRow;
use crate::dashboard::components::{Chart, Chip, Empty, Icon, KeyBadge, QuotaBar, Stat};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};

/// An organisation at a glance.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/overview.html")]
pub struct OverviewPage {
    /// Around it.
    pub frame: Frame,
    /// Spans of time to look at.
    pub ranges: Vec<Chip>,
    /// Requests, tokens, cost, errors.
    pub stats: Vec<Stat>,
    /// What the organisation may use, and where that stands.
    pub budgets: Vec<QuotaBar>,
    /// By model or by key.
    pub groupings: Vec<Chip>,
    /// Usage over time.
    pub chart: Chart,
    /// Closest first.
    pub near: Vec<NearQuota>,
    /// Latest first.
    pub refusals: Vec<RefusalRow>,
    /// Instead of all of it, while there is no key.
    pub empty: Option<Empty>,
}

/// A key that will soon have used its quota up.
#[derive(Clone, Debug)]
pub struct NearQuota {
    /// Its name.
    pub name: String,
    /// Its page.
    pub address: String,
    /// What it looks like.
    pub key: KeyBadge,
    /// Where it stands.
    pub quota: QuotaBar,
}
