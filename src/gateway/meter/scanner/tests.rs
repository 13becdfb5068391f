use proptest::prelude::*;

use super::*;

const CHUNK: &str =
    r#"data: {"id":"a","choices":[{"index":0,"delta":{"content":"héllo"}}],"usage":null}"#;
const USAGE: &str =
    r#"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
const DONE: &str = "data: [DONE]";

fn stream(line_end: &str) -> String {
    let events = [
        ": comment",
        CHUNK,
        CHUNK,
        "event: keepalive\ndata: {}",
        USAGE,
        DONE,
    ];
    let blank = format!("{line_end}{line_end}");
    events
        .map(|event| event.replace('\n', line_end) + &blank)
        .concat()
}

fn run(scanner: &mut Scanner, bytes: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let mut out = Vec::new();
    for pair in cuts.windows(2) {
        out.extend_from_slice(&scanner.pass(Bytes::copy_from_slice(&bytes[pair[0]..pair[1]])));
    }
    out.extend_from_slice(&scanner.finish());
    out
}

proptest! {
    #[test]
    fn any_rechunking_gives_the_same_bytes_and_the_same_usage(
        cuts in proptest::collection::vec(any::<usize>(), 0..60),
        line_end in prop_oneof!["\n", "\r\n", "\r"],
        hides in any::<bool>(),
    ) {
        let input = stream(&line_end);
        let mut whole = Scanner::new(hides);
        let expected = run(&mut whole, input.as_bytes(), &[]);
        let mut cut = Scanner::new(hides);
        let out = run(&mut cut, input.as_bytes(), &cuts);
        prop_assert_eq!(&out, &expected);
        prop_assert_eq!(cut.seen(), whole.seen());
        prop_assert_eq!(cut.seen().usage.map(|usage| usage.total), Some(5));
        prop_assert!(cut.seen().is_done);
        if hides {
            let shown = input.replace(&format!("{USAGE}{line_end}{line_end}"), "");
            prop_assert_eq!(out, shown.into_bytes());
        } else {
            prop_assert_eq!(out, input.into_bytes());
        }
    }

    #[test]
    fn any_bytes_pass_unchanged(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let mut scanner = Scanner::new(false);
        prop_assert_eq!(run(&mut scanner, &bytes, &cuts), bytes);
    }
}

/// A few events that differ in one text.
fn alike() -> impl Strategy<Value = String> {
    const ODD: [&str; 5] = [r#"\\\"x"#, "usage", "\u{e9}\r", "\"usage\":{}", "\n\n"];
    let text = prop_oneof![
        "[a-z ]{0,8}",
        proptest::sample::select(&ODD[..]).prop_map(str::to_owned)
    ];
    let shape = proptest::sample::select(vec![
        r#"{"choices":[{"delta":{"content":"#,
        r#"{"choices":[{"delta":{"content":"","reasoning_content":"#,
        r#"{"choices":[{"delta":{"content":"x","refusal":"#,
        r#"{"error":{},"choices":[{"delta":{"content":"#,
        r#"{"choices":[],"x":[{"y":{"content":"#,
    ]);
    let rest = proptest::sample::select(vec![
        r#"},"finish_reason":null}]}"#,
        r#"},"finish_reason":"stop"}]}"#,
        r#"}}],"usage":{"total_tokens":5}}"#,
        r#":{"total_tokens":5}}}]}"#,
    ]);
    let end = proptest::sample::select(vec!["\n\n", "\r\n\r\n", "\r\r", "\n\r\n"]);
    let texts = proptest::collection::vec(text, 1..5);
    (shape, texts, rest, end).prop_map(|(shape, texts, rest, end)| {
        let event = |text| format!("data: {shape}\"{text}\"{rest}{end}");
        texts.into_iter().map(event).collect()
    })
}

proptest! {
    #[test]
    fn what_is_known_from_the_last_event_is_what_searching_finds(
        stream in proptest::collection::vec(alike(), 1..6).prop_map(|events| events.concat()),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
        hides in any::<bool>(),
    ) {
        let (mut quick, mut thorough) = (Scanner::new(hides), Scanner::new(hides));
        thorough.likeness = Likeness::incurious();
        let out = run(&mut quick, stream.as_bytes(), &cuts);
        prop_assert_eq!(out, run(&mut thorough, stream.as_bytes(), &cuts));
        prop_assert_eq!(quick.seen(), thorough.seen());
    }
}

#[test]
fn every_byte_alone_is_enough() {
    let input = stream("\r\n");
    let cuts: Vec<usize> = (0..input.len()).collect();
    let mut scanner = Scanner::new(true);
    run(&mut scanner, input.as_bytes(), &cuts);
    assert_eq!(scanner.seen().events, 2);
    assert_eq!(scanner.seen().content_bytes, 12);
}

#[test]
fn the_end_is_seen_with_its_last_letter() {
    let mut scanner = Scanner::new(false);
    scanner.pass(Bytes::from_static(b"data: [DONE"));
    assert!(!scanner.seen().is_done);
    scanner.pass(Bytes::from_static(b"]"));
    assert!(scanner.seen().is_done);
}

#[test]
fn usage_after_the_end_is_ignored() {
    let mut scanner = Scanner::new(false);
    scanner.pass(format!("{DONE}\n\n{USAGE}\n\n").into());
    assert_eq!(scanner.seen().usage, None);
}

#[test]
fn an_oversized_event_passes_unseen_and_what_follows_is_seen() {
    let image = "x".repeat(2 * LARGEST_EVENT);
    for line_end in ["\n", "\r\n", "\r"] {
        let blank = format!("{line_end}{line_end}");
        let large = format!("event: image{line_end}data: {image}{line_end}data: {image}{blank}");
        let rest = [CHUNK, USAGE, DONE].map(|event| event.to_owned() + &blank);
        let input = large.clone() + &rest.concat();
        let end = large.len();
        for hides in [false, true] {
            for near in [0, 1, 2, 3, 5] {
                let mut cuts: Vec<usize> = (0..input.len()).step_by(10_000).collect();
                cuts.extend([end - near, end + near]);
                let mut scanner = Scanner::new(hides);
                let out = run(&mut scanner, input.as_bytes(), &cuts);
                let hidden = if hides { rest[1].as_str() } else { "" };
                assert!(out == input.replacen(hidden, "", 1).as_bytes(), "{near}");
                let seen = scanner.seen();
                assert_eq!(seen.usage.map(|usage| usage.total), Some(5), "{near}");
                assert_eq!((seen.events, seen.is_done), (1, true));
            }
        }
    }
}

#[test]
fn a_stream_that_ends_within_an_oversized_event_is_torn() {
    for hides in [false, true] {
        let input = format!("{CHUNK}\n\ndata: {}\n", "x".repeat(2 * LARGEST_EVENT));
        let mut scanner = Scanner::new(hides);
        let cuts: Vec<usize> = (0..input.len()).step_by(10_000).collect();
        assert!(run(&mut scanner, input.as_bytes(), &cuts) == input.as_bytes());
        assert!(!scanner.is_at_boundary());
    }
}

#[test]
fn a_stream_is_finished_once_all_its_choices_are() {
    let piece = |index: u32, reason: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":{reason}}}]}}\n\n"
        )
    };
    let is_finished = |pieces: &[(u32, &str)]| {
        let mut scanner = Scanner::new(false);
        for (index, reason) in pieces {
            scanner.pass(piece(*index, reason).into());
        }
        scanner.seen().is_finished()
    };
    assert!(!is_finished(&[(0, "null")]));
    assert!(is_finished(&[(0, "null"), (0, "\"stop\"")]));
    assert!(!is_finished(&[(0, "\"stop\""), (1, "null")]));
    assert!(is_finished(&[
        (1, "null"),
        (0, "\"stop\""),
        (1, "\"stop\"")
    ]));
}

#[test]
fn the_first_chunk_with_filter_results_is_not_usage() {
    let azure = "data: {\"choices\":[],\"prompt_filter_results\":[{\"usage\":null}]}\n\n";
    let mut scanner = Scanner::new(true);
    assert_eq!(scanner.pass(azure.into()), azure);
}

#[test]
fn usage_in_every_chunk_is_not_summed_and_not_hidden() {
    let chunk = |total: i64| {
        format!(
            "data: {{\"choices\":[{{\"index\":0}}],\"usage\":{{\"total_tokens\":{total}}}}}\n\n"
        )
    };
    let input = chunk(3) + &chunk(7);
    let mut scanner = Scanner::new(true);
    assert_eq!(scanner.pass(input.clone().into()), input);
    assert_eq!(scanner.seen().usage.map(|usage| usage.total), Some(7));
}

#[test]
fn an_end_within_an_event_is_no_boundary() {
    for hides in [true, false] {
        let mut scanner = Scanner::new(hides);
        run(&mut scanner, format!("{CHUNK}\n\n").as_bytes(), &[]);
        assert!(scanner.is_at_boundary());
        let mut scanner = Scanner::new(hides);
        run(&mut scanner, &CHUNK.as_bytes()[..40], &[]);
        assert!(!scanner.is_at_boundary());
    }
}

#[test]
fn an_error_without_content_is_none() {
    let failed = |data: &str| {
        let mut scanner = Scanner::new(false);
        run(&mut scanner, format!("data: {data}\n\n").as_bytes(), &[]);
        scanner.seen().is_failed
    };
    assert!(failed(r#"{"error":{"message":"overloaded"}}"#));
    assert!(failed(r#"{ "error" : "overloaded"}"#));
    assert!(!failed(r#"{"error":null,"choices":[{"index":0}]}"#));
    assert!(!failed(
        r#"{"choices":[{"delta":{"content":"{\"error\":1}"}}]}"#
    ));
}

#[test]
fn usage_of_nothing_takes_no_usage_back_and_is_hidden_like_any_other() {
    const NOTHING: &str = r#"data: {"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#;
    let input = [CHUNK, USAGE, NOTHING, DONE].map(|event| format!("{event}\n\n"));
    let mut scanner = Scanner::new(true);
    let out = run(&mut scanner, input.concat().as_bytes(), &[]);
    assert_eq!(out, format!("{CHUNK}\n\n{DONE}\n\n").into_bytes());
    assert_eq!(scanner.seen().usage.map(|usage| usage.total), Some(5));
    let mut scanner = Scanner::new(true);
    run(
        &mut scanner,
        format!("{CHUNK}\n\n{NOTHING}\n\n{DONE}\n\n").as_bytes(),
        &[],
    );
    assert_eq!(scanner.seen().usage, None);
}
