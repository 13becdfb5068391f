//! The limits of a key, a project or an organisation, to be filled in.

use askama::Template;

use super::{Choice, Control, Field};

/// One field a limit; an empty one means no limit.
#[derive(Clone, Debug, Template)]
#[template(path = "components/limit_fields.html")]
pub struct LimitFields {
    /// Tokens per period.
    pub quota: Field,
    /// The quota's period.
    pub quota_period: Field,
    /// US dollars per period.
    pub budget: Field,
    /// The budget's period.
    pub budget_period: Field,
    /// Requests a minute, tokens a minute, requests a day, calls at once.
    pub rates: [Field; 4],
}

impl Default for LimitFields {
    fn default() -> Self {
        let number = |label, name| Field::new(label, name).by(Control::Number("numeric"));
        let period = |label, name| {
            Field::new(label, name)
                .by(Control::Select(periods()))
                .value("month")
                .required()
        };
        Self {
            quota: number("Token quota", "quota").unit("tokens"),
            quota_period: period("Quota period", "quota_period"),
            budget: number("Budget", "budget")
                .by(Control::Number("decimal"))
                .unit("USD"),
            budget_period: period("Budget period", "budget_period"),
            rates: [
                number("Requests a minute", "requests_per_minute").unit("/ min"),
                number("Tokens a minute", "tokens_per_minute").unit("/ min"),
                number("Requests a day", "requests_per_day").unit("/ day"),
                number("Calls at once", "concurrency").unit("calls"),
            ],
        }
    }
}

fn periods() -> Vec<Choice> {
    let names = [
        ("month", "a month"),
        ("week", "a week"),
        ("day", "a day"),
        ("none", "for good"),
    ];
    names.map(|(value, name)| Choice::new(value, name)).to_vec()
}
