//! The only form in which a key is shown after its creation: its first and last characters.

use askama::Template;

use super::Pill;

/// A key's display form and, where it matters, its state.
#[derive(Clone, Debug, Template)]
#[template(path = "components/key_badge.html")]
pub struct KeyBadge {
    /// Such as `sk-AbCd…wxyz`.
    pub display: String,
    /// Whether it works.
    pub status: Option<Pill>,
}
