//! Limits as a form's fields, and back.

use super::form::Form;
use super::mistakes::Mistakes;
use crate::dashboard::components::{Difference, LimitFields};
use crate::dashboard::format::{exact_money, grouped};
use crate::domain::limits::{
    LARGEST_AMOUNT, LARGEST_BUDGET, Limits, MoneyBudget, TokenQuota, TokenUnit,
};
use crate::domain::price::{format_usd, parse_nano_usd};
use crate::domain::quota::Period;
use crate::management::Faults;

/// `limits`, to be edited.
pub(super) fn fill(limits: &Limits) -> LimitFields {
    let mut fields = LimitFields::default();
    if let Some(quota) = limits.quota {
        fields.quota.value = quota.amount.to_string();
        name(quota.period).clone_into(&mut fields.quota_period.value);
    }
    if let Some(budget) = limits.budget {
        fields.budget.value = format_usd(budget.amount_nano);
        name(budget.period).clone_into(&mut fields.budget_period.value);
    }
    for (field, rate) in fields.rates.iter_mut().zip(rates(limits)) {
        field.value = rate.map(|rate| rate.to_string()).unwrap_or_default();
    }
    fields
}

/// What was filled in, with what is wrong with it.
pub(super) fn echo(form: &Form, mistakes: &Mistakes) -> LimitFields {
    let mut fields = LimitFields::default();
    let [one, two, three, four] = &mut fields.rates;
    let named = [
        (&mut fields.quota, "limits.quota"),
        (&mut fields.budget, "limits.budget"),
        (one, "limits.requests_per_minute"),
        (two, "limits.tokens_per_minute"),
        (three, "limits.requests_per_day"),
        (four, "limits.concurrency"),
    ];
    for (field, path) in named {
        field.value = form.echo(field.name);
        field.error = mistakes.at(path);
    }
    for period in [&mut fields.quota_period, &mut fields.budget_period] {
        period.value = form.echo(period.name);
    }
    fields
}

/// Where what was filled in is not what is `stored`.
pub(super) fn differences(stored: &Limits, form: &Form) -> impl Iterator<Item = Difference> {
    // What was wrong with it was said before.
    let typed = read(form, &mut Faults::default());
    let pairs = facts(stored).into_iter().zip(facts(&typed));
    pairs.filter_map(|((label, field, stored), (_, _, typed))| {
        Difference::between(label, field, stored, typed)
    })
}

/// Each limit's label, its field, and what it allows.
fn facts(limits: &Limits) -> Vec<(&'static str, &'static str, String)> {
    let quota = limits.quota.map(|quota| {
        let amount = grouped(quota.amount);
        format!("{amount} tokens{}", per(quota.period))
    });
    let budget = limits.budget.map(|budget| {
        let amount = exact_money(budget.amount_nano);
        format!("{amount}{}", per(budget.period))
    });
    let rates = rates(limits).map(|rate| rate.map(|rate| grouped(i64::from(rate))));
    let fields = LimitFields::default();
    let fields = [&fields.quota, &fields.budget]
        .into_iter()
        .chain(&fields.rates);
    fields
        .zip([quota, budget].into_iter().chain(rates))
        .map(|(field, text)| {
            let text = text.unwrap_or_else(|| "No limit".to_owned());
            (field.label, field.name, text)
        })
        .collect()
}

/// What was filled in.
pub(super) fn read(form: &Form, faults: &mut Faults) -> Limits {
    let mut rate = |name: &str| {
        let text = digits(form.text(name)?);
        let number = text.parse::<u32>();
        if number.is_err() {
            faults.add(
                format!("limits.{name}"),
                "a whole number up to 4,294,967,295, or nothing",
            );
        }
        number.ok()
    };
    Limits {
        requests_per_minute: rate("requests_per_minute"),
        tokens_per_minute: rate("tokens_per_minute"),
        requests_per_day: rate("requests_per_day"),
        concurrency: rate("concurrency"),
        quota: quota(form, faults),
        budget: budget(form, faults),
    }
}

fn quota(form: &Form, faults: &mut Faults) -> Option<TokenQuota> {
    let amount = digits(form.text("quota")?).parse::<i64>().ok();
    let amount = amount.filter(|amount| (0..=LARGEST_AMOUNT).contains(amount));
    if amount.is_none() {
        faults.add(
            "limits.quota",
            "a whole number of tokens such as 1,000,000, or nothing",
        );
    }
    Some(TokenQuota {
        unit: TokenUnit::Tokens,
        amount: amount?,
        period: period(form, "quota_period"),
    })
}

fn budget(form: &Form, faults: &mut Faults) -> Option<MoneyBudget> {
    let text = digits(form.text("budget")?.trim_start_matches('$').trim_start());
    let amount = parse_nano_usd(&text).ok();
    let amount = amount.filter(|amount| *amount <= LARGEST_BUDGET);
    if amount.is_none() {
        faults.add(
            "limits.budget",
            "US dollars with a point before the cents, such as 1,234.50, or nothing",
        );
    }
    Some(MoneyBudget {
        amount_nano: amount?,
        period: period(form, "budget_period"),
    })
}

/// Without what people put between thousands. Where that stands anywhere else, as a decimal comma does,
/// it stays, so that nothing takes it for a number.
fn digits(text: &str) -> String {
    let point = text.find('.').unwrap_or(text.len());
    let (whole, decimals) = text.split_at(point);
    let is_between = |c: &char| matches!(c, ',' | '_' | ' ' | '\u{a0}' | '\u{202f}');
    let Some(between) = whole.chars().find(is_between) else {
        return text.to_owned();
    };
    let mut groups = whole.split(between);
    let is_begun = groups.next().is_some_and(|first| first.len() <= 3);
    if is_begun && !whole.starts_with(between) && groups.all(|group| group.len() == 3) {
        return whole.replace(between, "") + decimals;
    }
    text.to_owned()
}

fn period(form: &Form, field: &str) -> Period {
    match form.text(field) {
        Some("day") => Period::Day,
        Some("week") => Period::Week,
        Some("none") => Period::None,
        _ => Period::Month,
    }
}

fn name(period: Period) -> &'static str {
    match period {
        Period::None => "none",
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
    }
}

/// ` a month`, to stand behind an amount.
pub(super) fn per(period: Period) -> &'static str {
    match period {
        Period::None => " in total",
        Period::Day => " a day",
        Period::Week => " a week",
        Period::Month => " a month",
    }
}

/// In the order of the form.
fn rates(limits: &Limits) -> [Option<u32>; 4] {
    [
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.requests_per_day,
        limits.concurrency,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_thousands_only() {
        for (typed, read) in [
            ("25.50", "25.50"),
            ("1,234,567.89", "1234567.89"),
            ("1 234", "1234"),
            ("12_345", "12345"),
            ("1\u{a0}234\u{202f}567", "1\u{a0}234\u{202f}567"),
            ("999,000", "999000"),
            ("25,50", "25,50"),
            ("1,5", "1,5"),
            ("1.234,50", "1.234,50"),
            ("1 234,50", "1 234,50"),
            ("1234,567", "1234,567"),
            (",567", ",567"),
            ("1,234,", "1,234,"),
            ("1,,234", "1,,234"),
            ("1.5,000", "1.5,000"),
        ] {
            assert_eq!(digits(typed), read, "{typed:?}");
            let is_number = parse_nano_usd(read).is_ok();
            assert_eq!(is_number, !read.contains([',', ' ', '\u{a0}']), "{typed:?}");
        }
    }
}
