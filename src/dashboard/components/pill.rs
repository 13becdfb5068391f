//! A word of state with its colour. The word says everything; the colour only helps.

use askama::Template;

/// A word of state.
#[derive(Clone, Debug, Template)]
#[template(path = "components/pill.html")]
pub struct Pill {
    word: String,
    tone: Tone,
}

/// What a state means to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Asks for a look.
    Warning,
    /// Does not work.
    Bad,
    /// Neither.
    Plain,
}

impl Pill {
    /// `word` in the colour of `tone`.
    pub fn new(word: impl Into<String>, tone: Tone) -> Self {
        Self {
            word: word.into(),
            tone,
        }
    }
}

impl Tone {
    /// Its name in the style sheet.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Plain => "plain",
        }
    }
}
