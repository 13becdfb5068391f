//! What stands where a page cannot be shown.

use askama::Template;

use crate::dashboard::assets;
use crate::dashboard::components::Icon;

/// An error, with the way on.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/error.html")]
pub struct ErrorPage {
    /// The status of the answer.
    pub status: u16,
    /// The answer's `x-request-id`.
    pub request_id: String,
    /// What happened, where the status does not say it all.
    pub detail: String,
    /// Where the way on leads.
    pub back: String,
}

impl ErrorPage {
    fn title(&self) -> &'static str {
        match self.status {
            403 => "That is not for your role",
            400 | 409 | 413 | 422 => "That cannot be done",
            408 => "That took too long",
            404 => "There is nothing here",
            412 => "Someone else was faster",
            429 => "Too many attempts",
            503 => "Not at the moment",
            _ => "This went wrong on our side",
        }
    }

    fn text(&self) -> &str {
        match self.status {
            400 | 409 | 422 | 429 | 503 => &self.detail,
            403 => {
                "Your role here does not allow it, or the form came from another site. Ask an admin of the organisation if you need it."
            }
            404 => "The page does not exist, or it belongs to an organisation that you are not in.",
            408 => "What you sent did not arrive in time. Go back and send it again.",
            413 => "What you sent is larger than 1 MiB. Go back and send less.",
            412 => {
                "This was changed while you had it open. Go back, load it again, and look at what is there now."
            }
            _ => {
                "Nothing was changed. Try again; if it stays, give the operator the request id below."
            }
        }
    }
}
