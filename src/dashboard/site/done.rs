//! What just happened, said on the page that one is led to.

use crate::dashboard::components::{Toast, Tone};

/// Whether and how `code`, from a page's query, is said. Only what we wrote ourselves is.
pub(super) fn toast(code: &str) -> Option<Toast> {
    let text = match code {
        "saved" => "Saved.",
        "created" => "Created.",
        "disabled" => "Disabled. Calls are refused within a second.",
        "enabled" => "Enabled.",
        "deleted" => "Deleted.",
        "removed" => "Removed. Their keys here are disabled.",
        "role" => "The role is changed. They sign in again to use it.",
        "withdrawn" => "The invitation is withdrawn.",
        "ended" => "The session is ended.",
        "password" => "The password is changed. Your other sessions are ended.",
        "suspended" => "Suspended. Its keys are refused within a second.",
        "resumed" => "Resumed.",
        "shown" => {
            "That was made already, and its secret is shown once only. Rotate the key if you lost it."
        }
        "made" => {
            "That was made already, and its secret is shown once only. Make another if you lost it."
        }
        "none" => "Nothing was ticked.",
        _ => return None,
    };
    Some(Toast {
        text: text.to_owned(),
        tone: if matches!(code, "shown" | "made" | "none") {
            Tone::Warning
        } else {
            Tone::Good
        },
    })
}
