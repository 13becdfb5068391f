use proptest::prelude::*;

use super::super::decode::{self, Kind, Unreadable};
use super::super::encode::{self, MOST_CLOSING};
use super::super::frame::HEAD;
use super::*;
use crate::domain::usage::Source;

fn body(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    encode(&mut frame);
    frame.split_off(HEAD)
}

fn ids() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn prices() -> impl Strategy<Value = Price> {
    any::<[i64; 4]>().prop_map(|[input, output, cached_input, cache_write]| Price {
        input,
        output,
        cached_input,
        cache_write,
    })
}

fn draws() -> impl Strategy<Value = Drawn> {
    let units = prop_oneof![
        Just(Unit::Tokens),
        Just(Unit::Requests),
        Just(Unit::NanoUsd)
    ];
    let fields = (ids(), proptest::option::of(ids()), units, any::<i64>());
    fields.prop_map(|(budget, lease, unit, held)| Drawn {
        budget,
        lease,
        unit,
        held,
    })
}

fn openings() -> impl Strategy<Value = Opening> {
    let ids = (ids(), ids(), ids(), ids(), any::<[u8; 32]>());
    let texts = (".{0,60}", ".{0,60}", ".{0,60}", ".{0,60}");
    let price = proptest::option::of(prices());
    let draws = proptest::collection::vec(draws(), 0..7);
    let rest = (any::<[i64; 6]>(), any::<bool>(), price, draws);
    (ids, texts, rest).prop_map(|(ids, texts, rest)| {
        let (id, organisation, project, key, secret) = ids;
        let (provider, model, upstream_model, endpoint) = texts;
        let ([at, tokens, prompt_estimate, held_nano, choices, cap], is_stream, price, draws) =
            rest;
        Opening {
            id: CallId(id),
            at: Timestamp(at),
            organisation_id: OrganisationId(organisation),
            project_id: ProjectId(project),
            key_id: KeyId(key),
            secret: SecretHash(secret),
            provider: provider.into(),
            model: model.into(),
            upstream_model: upstream_model.into(),
            endpoint: endpoint.into(),
            is_stream,
            price,
            held: Held {
                tokens,
                prompt_estimate,
            },
            held_nano,
            choices,
            cap,
            draws: draws.into(),
        }
    })
}

fn charges() -> impl Strategy<Value = Charge> {
    let source = prop_oneof![
        Just(Source::None),
        Just(Source::Reported),
        Just(Source::Estimated),
        Just(Source::Interrupted),
    ];
    (any::<[i64; 8]>(), source, any::<bool>()).prop_map(|(numbers, source, is_suspicious)| {
        let [
            requests,
            tokens,
            input,
            output,
            total,
            cached_input,
            cache_write,
            reasoning,
        ] = numbers;
        let usage = Usage {
            input,
            output,
            total,
            cached_input,
            cache_write,
            reasoning,
        };
        Charge {
            requests,
            tokens,
            usage,
            source,
            is_suspicious,
        }
    })
}

fn closings() -> impl Strategy<Value = Closing> {
    let code = proptest::option::of("[a-z_]{0,40}");
    let times = (any::<i64>(), proptest::option::of(any::<i64>()));
    let fields = (
        charges(),
        any::<i64>(),
        any::<u16>(),
        code,
        any::<bool>(),
        times,
    );
    fields.prop_map(
        |(charge, cost_nano, status, code, is_disconnected, times)| Closing {
            charge,
            cost_nano,
            status,
            code: code.map(Into::into),
            is_disconnected,
            duration_ms: times.0,
            first_token_ms: times.1,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(opening in openings(), closing in closings(), seen in any::<i64>()) {
        let intent = body(|to| encode::intent(to, &opening));
        prop_assert_eq!(decode::kind(&intent), Ok((Kind::Intent, opening.id)));
        prop_assert_eq!(decode::opening(&intent), Ok(opening.clone()));
        let progress = body(|to| encode::progress(to, opening.id, seen));
        prop_assert_eq!(decode::kind(&progress), Ok((Kind::Progress, opening.id)));
        prop_assert_eq!(decode::delivered(&progress), Ok(seen));
        let settle = body(|to| encode::settle(to, &opening, &closing));
        prop_assert_eq!(decode::kind(&settle), Ok((Kind::Settle, opening.id)));
        prop_assert!(settle.len() - intent.len() <= MOST_CLOSING);
        prop_assert_eq!(decode::settled(&settle), Ok((opening, closing)));
    }

    #[test]
    fn what_is_garbage_is_refused_or_read_and_written_alike(
        opening in openings(), closing in closings(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut settle = body(|to| encode::settle(to, &opening, &closing));
        let whole = settle.len();
        let at = at.index(whole);
        settle[at] = byte;
        settle.truncate(cut.index(whole));
        if let Ok((opening, closing)) = decode::settled(&settle) {
            let again = body(|to| encode::settle(to, &opening, &closing));
            prop_assert_eq!(decode::settled(&again), Ok((opening, closing)));
        }
    }
}

#[test]
fn the_longest_closing_fits_what_is_reserved_for_it() {
    let extreme = Closing {
        charge: Charge {
            requests: i64::MIN,
            tokens: i64::MIN,
            usage: Usage {
                input: i64::MIN,
                output: i64::MIN,
                total: i64::MIN,
                cached_input: i64::MIN,
                cache_write: i64::MIN,
                reasoning: i64::MIN,
            },
            source: Source::Interrupted,
            is_suspicious: true,
        },
        cost_nano: i64::MIN,
        status: u16::MAX,
        code: Some("x".repeat(1000).into()),
        is_disconnected: true,
        duration_ms: i64::MIN,
        first_token_ms: Some(i64::MIN),
    };
    let opening = opening(1);
    let intent = body(|to| encode::intent(to, &opening));
    let settle = body(|to| encode::settle(to, &opening, &extreme));
    assert!(settle.len() - intent.len() <= MOST_CLOSING);
    assert!(decode::settled(&settle).is_ok());
}

#[test]
fn long_texts_are_cut_at_a_character_as_the_store_cuts_them() {
    let opening = Opening {
        model: "ä".repeat(10_000).into(),
        ..opening(1)
    };
    let intent = body(|to| encode::intent(to, &opening));
    assert_eq!(
        decode::opening(&intent).unwrap().model,
        "ä".repeat(128).into()
    );
}

#[test]
fn later_versions_and_kinds_are_unreadable() {
    let intent = body(|to| encode::intent(to, &opening(1)));
    for at in [0, 1] {
        let mut later = intent.clone();
        later[at] += 9;
        assert_eq!(decode::kind(&later), Err(Unreadable));
    }
    let longer = [intent, vec![0]].concat();
    assert_eq!(decode::opening(&longer), Err(Unreadable));
}
