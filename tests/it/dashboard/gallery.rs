//! Every page with made-up data, hostile names among it: for the checks of the markup, and for eyes
//! (`cargo run --example gallery`).

use askama::Template;

mod access;
mod key;
mod keys;
mod operator;
mod organisation;
mod parts;
mod people;

/// A page: a name for its picture, its path and its markup.
pub struct Page {
    /// Such as `key-usage`.
    pub name: &'static str,
    /// Where it would be.
    pub path: String,
    /// The whole document.
    pub html: String,
}

/// All pages.
pub fn pages() -> Vec<Page> {
    let parts = [
        access::pages(),
        organisation::pages(),
        people::pages(),
        keys::pages(),
        key::pages(),
        operator::pages(),
    ];
    parts.into_iter().flatten().collect()
}

fn page(name: &'static str, path: impl Into<String>, template: &impl Template) -> Page {
    let html = template.render().expect("a page renders");
    Page {
        name,
        path: path.into(),
        html,
    }
}
