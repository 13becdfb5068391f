//! What was seen of a stream so far.

use crate::domain::usage::Usage;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::gateway::meter) struct Seen {
    /// The last usage reported; some providers report it cumulatively in every event.
    pub usage: Option<Usage>,
    /// Events that carry a choice.
    pub events: i64,
    /// Bytes of content in them.
    pub content_bytes: i64,
    /// `data: [DONE]` passed.
    pub is_done: bool,
    /// The provider itself ended the stream with an error.
    pub is_failed: bool,
    choices: Choices,
}

/// Choices by their index, a bit each; those beyond the last bit share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Choices {
    begun: u128,
    finished: u128,
}

impl Seen {
    /// About how many output tokens passed.
    pub(in crate::gateway::meter) fn delivered(&self) -> i64 {
        self.events.max(self.content_bytes.saturating_add(3) / 4)
    }

    /// Notes a piece of the choice at `index`, which may be its last.
    pub(super) fn choice(&mut self, index: u32, is_last: bool) {
        let bit = 1 << index.min(u128::BITS - 1);
        self.choices.begun |= bit;
        if is_last {
            self.choices.finished |= bit;
        }
    }

    /// Whether every choice that began was finished, after which a missing `[DONE]` is a habit and no
    /// accident.
    pub(in crate::gateway::meter) fn is_finished(&self) -> bool {
        let Choices { begun, finished } = self.choices;
        begun != 0 && begun == finished
    }
}
