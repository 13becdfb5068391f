//! Numbers as people read them. Whole numbers in, text out, and nothing is rounded up into a lie:
//! what was used rounds half up, what is left never shows more than there is.

const NANO: i64 = 1_000_000_000;
const SUFFIXES: [(i64, &str); 4] = [
    (1_000_000_000_000, "T"),
    (1_000_000_000, "B"),
    (1_000_000, "M"),
    (1_000, "K"),
];

/// `1234567` as `1,234,567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('−');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits at most and a suffix: `1234567` as `1.23M`; below ten thousand all digits.
pub fn compact(number: i64) -> String {
    if number.unsigned_abs() < 10_000 {
        return grouped(number);
    }
    let sign = if number < 0 { "−" } else { "" };
    let size = number.saturating_abs();
    let at = SUFFIXES
        .iter()
        .position(|(unit, _)| size >= *unit)
        .unwrap_or(SUFFIXES.len() - 1);
    let mut text = scaled(size, at);
    if text.starts_with("1000") && at > 0 {
        text = scaled(size, at - 1);
    }
    format!("{sign}{text}")
}

/// `size` in the unit at `at`, with three digits.
fn scaled(size: i64, at: usize) -> String {
    let Some((unit, suffix)) = SUFFIXES.get(at) else {
        return grouped(size);
    };
    let decimals = match size / unit {
        0..=9 => 2,
        10..=99 => 1,
        _ => 0,
    };
    let number = decimal(i128::from(size), i128::from(*unit), decimals);
    let number = if decimals > 0 {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        &number
    };
    format!("{number}{suffix}")
}

/// `number ÷ unit` with `decimals` places, rounded half up.
fn decimal(number: i128, unit: i128, decimals: u32) -> String {
    let scale = 10_i128.pow(decimals);
    let scaled = (number * scale + unit / 2) / unit;
    if decimals == 0 {
        return scaled.to_string();
    }
    let (whole, rest) = (scaled / scale, scaled % scale);
    format!(
        "{whole}.{rest:0width$}",
        width = usize::try_from(decimals).unwrap_or(0)
    )
}

/// Nano-USD as dollars: cents from a dollar on, more places below it, `<$0.0001` for the least.
pub fn money(nano: i64) -> String {
    let sign = if nano < 0 { "−" } else { "" };
    let size = nano.saturating_abs();
    let amount = match size {
        0 => "0.00".to_owned(),
        1..100_000 => return format!("{sign}<$0.0001"),
        _ if size < NANO / 10 => decimal(i128::from(size), i128::from(NANO), 4),
        _ => {
            let cents = (i128::from(size) + 5_000_000) / 10_000_000;
            let whole = i64::try_from(cents / 100).unwrap_or(i64::MAX);
            format!("{}.{:02}", grouped(whole), cents % 100)
        }
    };
    format!("{sign}${amount}")
}

/// The whole of an amount of money, as it was set: `25000000000` as `$25.00`, without losing a nano.
pub fn exact_money(nano: i64) -> String {
    let (whole, rest) = (nano / NANO, (nano % NANO).unsigned_abs());
    let places = format!("{rest:09}");
    let places = places.trim_end_matches('0');
    format!("${}.{places:0<2}", grouped(whole))
}

/// How many thousandths `part` is of `whole`, at most all of them.
pub fn permille(part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return if part > 0 { 1000 } else { 0 };
    }
    let share = i128::from(part.max(0)) * 1000 / i128::from(whole);
    i64::try_from(share).unwrap_or(1000).min(1000)
}

/// `part` of `whole` as a percentage; never `100%` or `0%` where a little is missing.
pub fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "0%".to_owned();
    }
    let tenths = (i128::from(part) * 1000 + i128::from(whole) / 2) / i128::from(whole);
    match tenths {
        0 if part > 0 => "<0.1%".to_owned(),
        1000.. if part < whole => ">99.9%".to_owned(),
        100.. => format!("{}%", (tenths + 5) / 10),
        _ => format!("{}.{}%", tenths / 10, tenths % 10).replace(".0%", "%"),
    }
}

/// How many hundredths of a percent `part` is of `whole`.
pub fn hundredths(part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let share = (i128::from(part) * 10_000 + i128::from(whole) / 2) / i128::from(whole);
    i64::try_from(share).unwrap_or(i64::MAX)
}

/// Hundredths of a percent as percentage points: `0.2 points`; never `0 points`.
pub fn points(hundredths: i64) -> String {
    match hundredths {
        ..10 => "<0.1 points".to_owned(),
        95..105 => "1 point".to_owned(),
        _ => format!("{} points", decimal(i128::from(hundredths), 100, 1)).replace(".0 ", " "),
    }
}

/// Milliseconds as `85 ms`, `1.24 s` or `2 min 5 s`.
pub fn duration(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{} ms", ms.max(0)),
        1_000..60_000 => format!(
            "{} s",
            decimal(i128::from(ms), 1000, if ms < 10_000 { 2 } else { 1 })
        ),
        _ => format!("{} min {} s", grouped(ms / 60_000), ms / 1000 % 60),
    }
}

/// `1 call`, `2 calls`, `1,234 calls`.
pub fn counted(number: i64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_grouped_by_thousands() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1_234_567, "−1,234,567"),
            (i64::MIN, "−9,223,372,036,854,775,808"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn large_numbers_keep_three_digits() {
        let cases = [
            (9_999, "9,999"),
            (10_000, "10K"),
            (123_456, "123K"),
            (999_999, "1M"),
            (1_234_567, "1.23M"),
            (99_940_000, "99.9M"),
            (2_000_000_000_000, "2T"),
            (-12_345, "−12.3K"),
        ];
        for (number, text) in cases {
            assert_eq!(compact(number), text);
        }
        assert!(compact(i64::MIN).ends_with('T'));
    }

    #[test]
    fn money_shows_cents_and_never_nothing_for_something() {
        let cases = [
            (0, "$0.00"),
            (1, "<$0.0001"),
            (1_200_000, "$0.0012"),
            (250_000_000, "$0.25"),
            (12_345_678_901, "$12.35"),
            (1_234_567_000_000_000, "$1,234,567.00"),
            (-5_000_000_000, "−$5.00"),
        ];
        for (nano, text) in cases {
            assert_eq!(money(nano), text);
        }
        assert_eq!(exact_money(25_000_000_000), "$25.00");
        assert_eq!(exact_money(1_234_000_000_001), "$1,234.000000001");
    }

    #[test]
    fn a_share_is_full_or_empty_only_when_it_is() {
        let cases = [
            (0, 10, "0%"),
            (1, 100_000, "<0.1%"),
            (99_999, 100_000, ">99.9%"),
            (5, 5, "100%"),
            (1, 3, "33%"),
            (1, 16, "6.3%"),
            (1, 20, "5%"),
            (15, 10, "150%"),
            (3, 0, "0%"),
        ];
        for (part, whole, text) in cases {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
        assert_eq!(permille(i64::MAX, 1), 1000);
        assert_eq!(permille(1, 0), 1000);
    }

    #[test]
    fn a_difference_of_shares_is_told_in_points() {
        let cases = [
            (hundredths(2, 100), "2 points"),
            (hundredths(1, 3), "33.3 points"),
            (hundredths(1, 100), "1 point"),
            (hundredths(1, 100_000), "<0.1 points"),
            (hundredths(3, 0), "<0.1 points"),
        ];
        for (part, text) in cases {
            assert_eq!(points(part), text, "{part}");
        }
    }

    #[test]
    fn durations_take_the_unit_that_suits_them() {
        let cases = [
            (-1, "0 ms"),
            (85, "85 ms"),
            (1_240, "1.24 s"),
            (12_340, "12.3 s"),
            (125_000, "2 min 5 s"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1, "call", "calls"), "1 call");
        assert_eq!(counted(1200, "call", "calls"), "1,200 calls");
    }
}
