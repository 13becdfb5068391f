//! Who changed what.

use askama::Template;

use crate::dashboard::components::{Filters, Icon, Pager, Time};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};

/// The audit log of an organisation.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/audit.html")]
pub struct AuditPage {
    /// Around it.
    pub frame: Frame,
    /// By what was done.
    pub filters: Filters,
    /// Latest first.
    pub rows: Vec<AuditRow>,
    /// To the others.
    pub pager: Pager,
}

/// One change.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// When.
    pub at: Time,
    /// Who: a person or a token.
    pub actor: String,
    /// From where.
    pub address: String,
    /// What was done, such as `key.rotate`.
    pub action: String,
    /// To what, by name.
    pub target: String,
    /// What changed: its name, before, after; empty where there was none.
    pub changes: Vec<(String, String, String)>,
}
