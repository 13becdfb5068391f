//! What is asked before something is done to a key: over its page, or on a page of its own.

use super::Found;
use crate::dashboard::components::{Choice, Control, Dialog, Field};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::ConfirmPage;
use crate::dashboard::paths;
use crate::dashboard::site::query;

impl Found {
    pub(super) fn disabling(&self) -> Dialog {
        Dialog {
            text: "Calls with it are refused within a second. It keeps its limits and its usage, and you can enable it again.".to_owned(),
            is_danger: true,
            ..self.dialog("disable", "Disable", paths::KEY_DISABLE)
        }
    }

    pub(super) fn rotating(&self) -> Dialog {
        let grace = [
            ("0", "At once"),
            ("3600", "In an hour"),
            ("86400", "In a day"),
            ("604800", "In a week"),
        ];
        let grace = grace.map(|(value, name)| Choice::new(value, name)).to_vec();
        let field = Field::new("The old secret stops", "grace").by(Control::Select(grace));
        let dialog = self.dialog("rotate", "Rotate", paths::KEY_ROTATE);
        // The version makes it one rotation, however often the form is sent.
        let version = self.key.version.to_string();
        Dialog {
            text: "The key gets a new secret, which is shown once. You will see how many calls still use the old one.".to_owned(),
            title: format!("Rotate {}", self.key.name),
            action: query::address(&dialog.action, [("version", version.as_str())]),
            fields: vec![field.value("86400").required()],
            ..dialog
        }
    }

    /// The same question where the key is no longer what it was when `grace` was chosen. Whoever sent the
    /// form twice is told so by the secret.
    pub(super) fn rotating_anew(&self, grace: Option<&str>) -> Dialog {
        let mut dialog = self.rotating();
        dialog.text = format!(
            "This key was changed or rotated since you were asked, so nothing was done. Its secret is {} now. Rotate it only if that one is to go, too.",
            self.key.display
        );
        if let (Some(field), Some(grace)) = (dialog.fields.first_mut(), grace) {
            grace.clone_into(&mut field.value);
        }
        dialog
    }

    pub(super) fn deleting(&self) -> Dialog {
        Dialog {
            text: "All its secrets stop within a second, for good. Its usage stays in the reports."
                .to_owned(),
            typed: Some(self.key.name.clone()),
            is_danger: true,
            submit: "Delete for good",
            ..self.dialog("delete", "Delete", paths::KEY_DELETE)
        }
    }

    fn dialog(&self, id: &'static str, verb: &'static str, pattern: &str) -> Dialog {
        let org = self.access.organisation().to_string();
        let action = pattern.replace("{org}", &org);
        Dialog {
            id,
            title: format!("{verb} {}?", self.key.name),
            text: String::new(),
            action: action.replace("{key}", &self.key.id.to_string()),
            fields: Vec::new(),
            typed: None,
            submit: verb,
            is_danger: false,
        }
    }

    pub(super) fn ask(&self, dialog: Dialog) -> ConfirmPage {
        ConfirmPage {
            frame: self
                .visitor
                .frame(dialog.title.clone(), Section::Keys, &self.access),
            dialog,
            back: paths::key(self.access.organisation(), self.key.id),
        }
    }
}
