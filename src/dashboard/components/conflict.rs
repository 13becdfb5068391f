//! What to do where someone else changed a thing while its form was filled in: what is stored now
//! beside what was typed, and both ways on. The form itself is below, as it was sent.

use askama::Template;

use super::Icon;

/// See the module.
#[derive(Clone, Debug, Template)]
#[template(path = "components/conflict.html")]
pub struct Conflict {
    /// What was changed, such as `key`.
    pub what: &'static str,
    /// Where what is stored is not what was typed.
    pub differences: Vec<Difference>,
    /// Where the form is as it is stored.
    pub discard: String,
}

/// A field that says something else than what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What is asked.
    pub label: &'static str,
    /// Its name in the form.
    pub field: &'static str,
    /// What is stored now.
    pub stored: String,
    /// What was typed.
    pub typed: String,
}

impl Difference {
    /// One if they do differ.
    pub fn between(
        label: &'static str,
        field: &'static str,
        stored: String,
        typed: String,
    ) -> Option<Self> {
        (stored != typed).then_some(Self {
            label,
            field,
            stored,
            typed,
        })
    }
}
