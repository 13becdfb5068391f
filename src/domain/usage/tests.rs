use super::*;

const HELD: Held = Held {
    tokens: 100,
    prompt_estimate: 20,
};

fn ran(usage: Option<Usage>, delivered: i64) -> Charge {
    Charge::of(Ending::Ran { usage, delivered }, HELD)
}

#[test]
fn a_call_that_was_never_sent_costs_nothing() {
    let charge = Charge::of(Ending::NeverSent, HELD);
    assert_eq!(
        (charge.requests, charge.tokens, charge.source),
        (0, 0, Source::None)
    );
}

#[test]
fn a_total_without_output_is_input() {
    let ending = |input, total| Ending::Ran {
        usage: Some(Usage {
            input,
            total,
            ..Usage::default()
        }),
        delivered: 0,
    };
    assert_eq!(ending(0, 18).without_output(), ending(18, 18));
    assert_eq!(ending(8, 8).without_output(), ending(8, 8));
    assert_eq!(Ending::Refused.without_output(), Ending::Refused);
}

#[test]
fn a_refused_call_counts_as_a_request_only() {
    let charge = Charge::of(Ending::Refused, HELD);
    assert_eq!(
        (charge.requests, charge.tokens, charge.source),
        (1, 0, Source::None)
    );
}

#[test]
fn reported_usage_is_charged_in_full_even_above_the_hold() {
    let charge = ran(
        Some(Usage {
            input: 90,
            output: 30,
            total: 120,
            ..Usage::default()
        }),
        3,
    );
    assert_eq!((charge.tokens, charge.source), (120, Source::Reported));
}

#[test]
fn the_larger_of_total_and_sum_is_charged() {
    let charge = ran(
        Some(Usage {
            input: 5,
            output: 5,
            total: 3,
            ..Usage::default()
        }),
        0,
    );
    assert_eq!(charge.tokens, 10);
}

#[test]
fn impossible_reports_are_charged_as_held_and_flagged() {
    let lies = [
        Usage {
            input: -1,
            output: 5,
            total: 4,
            ..Usage::default()
        },
        Usage {
            input: i64::MAX,
            output: 1,
            ..Usage::default()
        },
        Usage {
            input: 1001,
            total: 1001,
            ..Usage::default()
        },
    ];
    for lie in lies {
        let charge = ran(Some(lie), 0);
        assert_eq!((charge.tokens, charge.source), (100, Source::Estimated));
        assert!(charge.is_suspicious);
    }
}

#[test]
fn only_a_believable_report_costs_more_than_was_held() {
    let price = Price {
        input: 1000,
        output: 2000,
        cached_input: 1000,
        cache_write: 1000,
    };
    let cost = |charge: Charge| charge.cost(Some(&price), 150);
    let report = |input, output| Usage {
        input,
        output,
        total: input + output,
        ..Usage::default()
    };
    assert_eq!(cost(ran(Some(report(90, 60)), 0)), 210);
    assert_eq!(cost(ran(Some(report(9000, 0)), 0)), 150);
    assert_eq!(cost(ran(None, 7)), 34);
    assert_eq!(cost(ran(None, 700)), 150);
    assert_eq!(cost(Charge::of(Ending::Refused, HELD)), 0);
    assert_eq!(ran(None, 7).cost(None, 150), 0);
}

#[test]
fn without_a_report_prompt_and_delivery_are_charged_up_to_the_hold() {
    assert_eq!(ran(None, 7).tokens, 27);
    assert_eq!(ran(None, 7).usage.output, 7);
    assert_eq!(ran(None, 700).tokens, 100);
}
