//! The recorded streams say what their expectations say.

use serde_json::{Value, json};

use super::Peer;
use crate::provider::*;

/// The chunks of a stream, read the slow and obvious way.
fn chunks(fixture: &Fixture) -> Vec<Value> {
    let text = std::str::from_utf8(&fixture.bytes).unwrap();
    let text = text
        .trim_start_matches('\u{feff}')
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let data = |event: &str| -> String {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        lines
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect()
    };
    let mut events: Vec<String> = text
        .split("\n\n")
        .map(data)
        .filter(|d| !d.is_empty())
        .collect();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"), "{}", fixture.name);
    events.iter().map(|event| event.parse().unwrap()).collect()
}

#[test]
fn every_recorded_stream_reports_what_is_expected_of_it() {
    for fixture in fixtures() {
        let chunks = chunks(&fixture);
        let own = |chunk: &Value| chunk["usage"].as_object().cloned();
        let groq = |chunk: &Value| chunk["x_groq"]["usage"].as_object().cloned();
        let last = chunks.iter().rev().find_map(|c| own(c).or_else(|| groq(c)));
        let number = |key: &str| last.as_ref().and_then(|usage| usage[key].as_u64());
        let name = &fixture.name;
        assert_eq!(number("prompt_tokens"), fixture.expect.input, "{name}");
        assert_eq!(number("completion_tokens"), fixture.expect.output, "{name}");
        assert_eq!(number("total_tokens"), fixture.expect.total, "{name}");
        let usage_only = |c: &Value| own(c).is_some() && c["choices"] == json!([]);
        assert_eq!(
            chunks.iter().any(usage_only),
            fixture.expect.usage_chunk,
            "{name}"
        );
    }
}

#[test]
fn every_recorded_stream_has_an_expectation() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sse"));
    assert_eq!(files.unwrap().count(), fixtures().len() + 1);
}

#[tokio::test]
async fn a_recorded_stream_is_played_byte_for_byte() {
    for fixture in fixtures() {
        let (script, whole) = (fixture.script(7), fixture.bytes.clone());
        let provider = Provider::start(move |_| script.clone()).await;
        let answer = Peer::of(&provider)
            .await
            .chat(&json!({}))
            .await
            .answer()
            .await;
        assert_eq!(answer.body, whole, "{}", fixture.name);
        assert_eq!(provider.calls()[0].reported, fixture.usage());
    }
}
