//! Where a hard limit stands: what is used, what running calls hold, what is left.

use askama::Template;

use super::Time;
use crate::dashboard::format;

/// A bar over the amount of a quota or a budget.
#[derive(Clone, Debug, Template)]
#[template(path = "components/quota_bar.html")]
pub struct QuotaBar {
    /// What it limits, such as `Token quota`; empty where the column says it.
    pub label: String,
    /// What it counts.
    pub unit: Unit,
    /// Spent for good.
    pub used: i64,
    /// Held by calls that are running.
    pub held: i64,
    /// All that may be used.
    pub amount: i64,
    /// When counting starts anew; `None` if never.
    pub resets_at: Option<Time>,
    /// One line less, for a table.
    pub is_compact: bool,
}

/// What amounts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Tokens.
    Tokens,
    /// Calls.
    Requests,
    /// Nano-USD.
    Usd,
}

impl QuotaBar {
    /// What is neither used nor held.
    fn left(&self) -> i64 {
        self.amount
            .saturating_sub(self.used)
            .saturating_sub(self.held)
            .max(0)
    }

    fn used_in_short(&self) -> String {
        self.unit.short(self.used)
    }

    fn used_in_full(&self) -> String {
        self.unit.text(self.used)
    }

    fn held_in_short(&self) -> String {
        self.unit.short(self.held)
    }

    fn amount_in_short(&self) -> String {
        self.unit.short(self.amount)
    }

    fn left_in_short(&self) -> String {
        self.unit.short(self.left())
    }

    fn left_in_full(&self) -> String {
        self.unit.text(self.left())
    }

    /// Thousandths of the bar.
    fn used_width(&self) -> i64 {
        format::permille(self.used, self.amount)
    }

    fn held_width(&self) -> i64 {
        let both = format::permille(self.used.saturating_add(self.held), self.amount);
        both - self.used_width()
    }

    /// Close to the end from nine tenths on.
    fn tone(&self) -> &'static str {
        match self.used_width() {
            1000.. => "bad",
            900.. => "warning",
            _ => "good",
        }
    }

    /// What the bar shows, for those who do not see it.
    fn words(&self) -> String {
        let unit = self.unit;
        format!(
            "{} of {} used, {} held, {} left",
            unit.text(self.used),
            unit.text(self.amount),
            unit.text(self.held),
            unit.text(self.left())
        )
    }
}

impl Unit {
    /// An amount without its unit's name, short.
    pub fn short(self, amount: i64) -> String {
        match self {
            Self::Usd => format::money(amount),
            Self::Tokens | Self::Requests => format::compact(amount),
        }
    }

    /// An amount with its unit, in full.
    pub fn text(self, amount: i64) -> String {
        match self {
            Self::Usd => format::money(amount),
            Self::Tokens => format::counted(amount, "token", "tokens"),
            Self::Requests => format::counted(amount, "request", "requests"),
        }
    }

    /// What follows a short amount; nothing where a sign says it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Usd => "",
            Self::Tokens => " tokens",
            Self::Requests => " requests",
        }
    }

    /// Its name in markup.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(used: i64, held: i64, amount: i64) -> QuotaBar {
        let unit = Unit::Tokens;
        QuotaBar {
            label: String::new(),
            unit,
            used,
            held,
            amount,
            resets_at: None,
            is_compact: true,
        }
    }

    #[test]
    fn used_and_held_share_the_bar_and_never_leave_it() {
        for (used, held, amount, widths) in [
            (250, 250, 1000, (250, 250)),
            (900, 400, 1000, (900, 100)),
            (1500, 0, 1000, (1000, 0)),
            (0, 0, 0, (0, 0)),
            (i64::MAX, i64::MAX, 1, (1000, 0)),
        ] {
            let bar = bar(used, held, amount);
            assert_eq!(
                (bar.used_width(), bar.held_width()),
                widths,
                "{used} {held} {amount}"
            );
            assert!(bar.left() >= 0);
        }
    }

    #[test]
    fn a_bar_reads_in_words() {
        let words = bar(250, 50, 1000).words();
        assert_eq!(
            words,
            "250 tokens of 1,000 tokens used, 50 tokens held, 700 tokens left"
        );
    }
}
