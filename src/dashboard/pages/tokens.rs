//! Management tokens: what programs manage keys with.

use askama::Template;
use uuid::Uuid;

use crate::dashboard::components::{Dialog, Empty, Icon, Time};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::OrganisationId;

/// All tokens of an organisation.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/tokens.html")]
pub struct TokensPage {
    /// Around it.
    pub frame: Frame,
    /// Whose.
    pub organisation: OrganisationId,
    /// The tokens.
    pub rows: Vec<TokenRow>,
    /// While there is none.
    pub empty: Option<Empty>,
    /// The form that makes one.
    pub create: Dialog,
}

/// A token.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// The token.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its first and last characters.
    pub display: String,
    /// What it may do.
    pub role: &'static str,
    /// Who made it.
    pub created_by: String,
    /// When it last did something.
    pub last_used: Option<Time>,
    /// When it ends.
    pub expires_at: Option<Time>,
}
