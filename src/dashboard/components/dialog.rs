//! A question before something happens. With a script it opens over the page; without one its
//! button is a link to a page of its own that holds the same form.

use askama::Template;

use super::{Field, Icon};
use crate::domain::name;

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

impl Dialog {
    /// Whether `sent`, what the form sends as `confirm`, is the name that it asks for.
    pub fn is_confirmed(&self, sent: Option<&str>) -> bool {
        let asked = self.asked();
        asked.is_none_or(|asked| sent.is_some_and(|sent| name::plain(sent) == asked))
    }

    /// What is to be typed: the name as it is read, and where nothing of it is seen, what the button
    /// says.
    pub fn asked(&self) -> Option<String> {
        let name = name::plain(self.typed.as_deref()?);
        Some(if name.is_empty() {
            self.submit.to_owned()
        } else {
            name
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_typed_as_it_is_read() {
        let question = |typed: Option<&str>| Dialog {
            id: "delete",
            title: String::new(),
            text: String::new(),
            action: String::new(),
            fields: Vec::new(),
            typed: typed.map(str::to_owned),
            submit: "Delete",
            is_danger: true,
        };
        assert!(question(None).is_confirmed(None));
        let odd = question(Some("a  b\u{200b}"));
        assert!(odd.is_confirmed(Some("a b ")) && odd.is_confirmed(Some("a  b\u{200b}")));
        assert!(!odd.is_confirmed(Some("ab")) && !odd.is_confirmed(None));
        let unseen = question(Some("\u{200b}"));
        assert!(unseen.is_confirmed(Some("Delete")) && !unseen.is_confirmed(Some(" ")));
    }
}
