//! What just happened, said once.

use askama::Template;

use super::{Icon, Tone};

/// A line that goes away by itself, unless it tells of a failure.
#[derive(Clone, Debug, Template)]
#[template(path = "components/toast.html")]
pub struct Toast {
    /// What happened.
    pub text: String,
    /// Whether that is good.
    pub tone: Tone,
}
