//! What tables share: a head whose columns sort by links, and a pager over cursors. Rows are the
//! page's own.

use askama::Template;

use super::Icon;

/// The head of a table.
#[derive(Clone, Debug, Template)]
#[template(path = "components/table_head.html")]
pub struct Head {
    /// From left to right.
    pub columns: Vec<Column>,
}

/// A column's name and how to sort by it.
#[derive(Clone, Debug)]
pub struct Column {
    /// Shown above it.
    pub name: &'static str,
    /// Numbers stand at the right.
    pub is_number: bool,
    /// Where sorting by it leads.
    pub sort: Option<String>,
    /// It is what the rows are sorted by.
    pub order: Option<Order>,
    /// Read aloud, not shown: boxes to tick, buttons.
    pub is_silent: bool,
}

/// Which way rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Least first.
    Ascending,
    /// Most first.
    Descending,
}

/// The way to the rows before and after.
#[derive(Clone, Debug, Template)]
#[template(path = "components/pager.html")]
pub struct Pager {
    /// What is shown, such as `50 keys`.
    pub shown: String,
    /// Back to the first rows, if these are not.
    pub first: Option<String>,
    /// On to the next rows, if there are more.
    pub next: Option<String>,
}

impl Column {
    /// A column of words.
    pub fn text(name: &'static str) -> Self {
        Self {
            name,
            is_number: false,
            sort: None,
            order: None,
            is_silent: false,
        }
    }

    /// A column of numbers.
    pub fn number(name: &'static str) -> Self {
        Self {
            is_number: true,
            ..Self::text(name)
        }
    }

    /// A column whose name only a screen reader says.
    pub fn silent(name: &'static str) -> Self {
        Self {
            is_silent: true,
            ..Self::text(name)
        }
    }

    /// Sorted by following `address`.
    #[must_use]
    pub fn sorts(mut self, address: impl Into<String>) -> Self {
        self.sort = Some(address.into());
        self
    }

    /// The rows are in this order now.
    #[must_use]
    pub fn in_order(mut self, order: Order) -> Self {
        self.order = Some(order);
        self
    }
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Ascending => Icon("arrow-up"),
            Self::Descending => Icon("arrow-down"),
        }
    }
}
