//! A question on a page of its own: what a dialog asks, for those who run no script.

use askama::Template;

use crate::dashboard::components::{Dialog, Icon};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};

/// The form of a dialog.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/confirm.html")]
pub struct ConfirmPage {
    /// Around it.
    pub frame: Frame,
    /// What is asked.
    pub dialog: Dialog,
    /// Where it leads if not.
    pub back: String,
}
