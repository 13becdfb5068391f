//! A secret, shown this once: the answer to a creation or a rotation.

use askama::Template;

use crate::dashboard::components::{CopyField, Icon, Snippet, Time};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};

/// What may be shown once only. No `Debug`: it would be one more place that holds a secret.
#[derive(Clone, Template)]
#[template(path = "pages/key_secret.html")]
pub struct SecretPage {
    /// Around it.
    pub frame: Frame,
    /// `key` or `token`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The secret itself.
    pub secret: CopyField,
    /// Lines that use it.
    pub snippets: Vec<Snippet>,
    /// Until when the secret before it works, after a rotation.
    pub previous_until: Option<Time>,
    /// Where it leads on.
    pub next: String,
}
