//! What stands where nothing is yet: what would be here, and the way to the first one.

use askama::Template;

use super::{Icon, Snippet};

/// An empty list.
#[derive(Clone, Debug, Template)]
#[template(path = "components/empty.html")]
pub struct Empty {
    /// Of what there is none.
    pub icon: &'static str,
    /// Says that there is none.
    pub title: &'static str,
    /// What it is good for.
    pub text: &'static str,
    /// The address and the name of what makes the first one, for those who may.
    pub action: Option<(String, &'static str)>,
    /// A line to try.
    pub snippet: Option<Snippet>,
}
