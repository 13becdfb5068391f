//! An icon of the sprite. It says nothing to a screen reader: the text beside it does.

use std::fmt;

use crate::dashboard::assets;

/// An icon by its name.
#[derive(Clone, Copy, Debug)]
pub struct Icon(pub &'static str);

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sprite = assets::url("icons.svg");
        let name = self.0;
        write!(
            f,
            "<svg class=\"icon\" aria-hidden=\"true\"><use href=\"{sprite}#{name}\"/></svg>"
        )
    }
}
