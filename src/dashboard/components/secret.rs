//! Text to take away: a value with a button that copies it, and lines of code.

use askama::Template;

use super::Icon;

/// A value that is copied by a button, or by hand where no script runs.
#[derive(Clone, Debug, Template)]
#[template(path = "components/copy_field.html")]
pub struct CopyField {
    /// Tells two fields of a page apart.
    pub id: &'static str,
    /// What it is.
    pub label: &'static str,
    /// The text.
    pub value: String,
}

/// Code in one language, ready to run.
#[derive(Clone, Debug, Template)]
#[template(path = "components/snippet.html")]
pub struct Snippet {
    /// Tells two snippets of a page apart.
    pub id: &'static str,
    /// The language or shell.
    pub language: &'static str,
    /// The lines.
    pub code: String,
}
