//! A question before something happens. With a script it opens over the page; without one its
//! button is a link to a page of its own that holds the same form.

use askama::Template;

use super::{Field, Icon};

/// A form that does one thing.
#[derive(Clone, Debug, Template)]
#[template(path = "components/dialog.html")]
pub struct Dialog {
    /// Tells two dialogs of a page apart.
    pub id: &'static str,
    /// What would happen.
    pub title: String,
    /// What that means.
    pub text: String,
    /// Where the form goes, and where the page of the same form is.
    pub action: String,
    /// What must be answered.
    pub fields: Vec<Field>,
    /// The name to be typed before the button works.
    pub typed: Option<String>,
    /// What the button says.
    pub submit: &'static str,
    /// It takes something away.
    pub is_danger: bool,
}
