//! Streams of real kinds of provider, whole and cut anywhere: the bytes pass, the usage is found once.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tollgate::domain::usage::Source;

use crate::provider::{Answer, EventStream, Fixture, Gate, Provider, Script, Usage, fixtures, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;

const ASKED: &str = r#","stream":true,"stream_options":{"include_usage":true}"#;
const UNASKED: &str = r#","stream":true"#;

/// The stream as a client that did not ask for usage must get it.
fn without_usage_events(fixture: &Fixture) -> Vec<u8> {
    let text = String::from_utf8(fixture.bytes.to_vec()).unwrap();
    let blank = ["\r\n\r\n", "\n\n", "\r\r"]
        .into_iter()
        .find(|blank| text.contains(blank))
        .unwrap();
    let shown = text
        .split_inclusive(blank)
        .filter(|event| !is_usage_alone(event));
    shown.collect::<String>().into_bytes()
}

fn is_usage_alone(event: &str) -> bool {
    let event = event.trim_start_matches('\u{feff}');
    let data = event
        .split(['\r', '\n'])
        .filter_map(|line| line.strip_prefix("data:"));
    let data = data.collect::<Vec<_>>().join("\n");
    let Ok(data) = serde_json::from_str::<Value>(&data) else {
        return false;
    };
    let reports = data["usage"].is_object() || data["x_groq"]["usage"].is_object();
    reports && data["choices"].as_array().is_none_or(Vec::is_empty)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_stream_passes_whole_and_is_metered_once() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let mut sent = HashMap::new();
    for fixture in fixtures() {
        for size in [1, 7, 100_000] {
            for (extra, expected) in [
                (ASKED, fixture.bytes.to_vec()),
                (UNASKED, without_usage_events(&fixture)),
            ] {
                let script = fixture.script(size);
                app.provider.direct(move |_| script.clone());
                let answer = app.client.post(CHAT, &key.secret, &chat_body(extra)).await;
                let name = format!("{} in pieces of {size}, {extra}", fixture.name);
                assert_eq!(answer.body, expected, "{name}: {}", answer.text());
                let id = answer.header("x-request-id").unwrap().to_owned();
                sent.insert(id, (name, fixture.usage()));
            }
        }
    }
    let calls = app.booked(sent.len()).await;
    assert_eq!(calls.len(), sent.len());
    for call in calls {
        let (name, usage) = sent.remove(&call.id.to_string()).unwrap();
        let booked = (call.input_tokens, call.output_tokens);
        match usage.map(|usage| (usage.input.cast_signed(), usage.output.cast_signed())) {
            Some(usage) => assert_eq!(booked, usage, "{name}"),
            None => assert_eq!(call.source, Source::Estimated, "{name}"),
        }
    }
}

#[tokio::test]
async fn a_provider_that_refuses_stream_options_is_asked_once_without_and_remembered() {
    let refuse = |seen: &crate::provider::Seen| {
        if seen.json().get("stream_options").is_some() {
            let message = "Unknown parameter: stream_options";
            return Answer::error(422, "invalid_request_error", "unknown", message).script();
        }
        EventStream::of([sse::chunk("hi"), sse::finish("stop"), sse::done()]).finish()
    };
    let app = TestApp::before(Provider::start(refuse).await).await;
    let key = app.key().await;
    for sent in [2, 3] {
        let answer = app
            .client
            .post(CHAT, &key.secret, &chat_body(UNASKED))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(app.sent().len(), sent);
    }
    assert_eq!(app.booked(2).await.len(), 2);
    // What the client itself asks for is its own business.
    let answer = app.client.post(CHAT, &key.secret, &chat_body(ASKED)).await;
    assert_eq!(answer.status, 422);
}

#[tokio::test]
async fn a_refusal_of_the_clients_own_options_takes_no_usage_from_others() {
    let refuse = |seen: &crate::provider::Seen| {
        let asked = seen.json();
        if asked.get("messages").is_none() || asked["stream_options"].get("x").is_some() {
            // Some quote the whole request, with what we added.
            let message = format!("This is wrong: {asked}");
            return Answer::error(400, "invalid_request_error", "wrong", &message).script();
        }
        let usage = seen.wants_usage().then(|| sse::usage(Usage::new(9, 1)));
        let events = [sse::chunk("hi"), sse::finish("stop")].into_iter();
        EventStream::of(events.chain(usage).chain([sse::done()])).finish()
    };
    let app = TestApp::before(Provider::start(refuse).await).await;
    let key = app.key().await;
    let own = chat_body(r#","stream":true,"stream_options":{"x":1}"#);
    for body in [own.as_str(), r#"{"model":"m","stream":true}"#] {
        let answer = app.client.post(CHAT, &key.secret, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    let answer = app
        .client
        .post(CHAT, &key.secret, &chat_body(UNASKED))
        .await;
    assert_eq!(answer.status, 200);
    let calls = app.booked(3).await;
    assert!(
        calls
            .iter()
            .any(|call| (call.source, call.total_tokens) == (Source::Reported, 10))
    );
}

#[tokio::test]
async fn usage_is_not_asked_for_where_the_operator_says_so() {
    let provider = Provider::honest().await;
    let app = TestApp::with(TestDb::sqlite().await, provider, "include_usage = false").await;
    let key = app.key().await;
    let body = chat_body(UNASKED);
    app.client.post(CHAT, &key.secret, &body).await;
    assert_eq!(app.last_sent().body, body.as_bytes());
}

fn half(
    cut: impl Fn(EventStream) -> Script + Send + Sync + 'static,
) -> impl Fn(&crate::provider::Seen) -> Script {
    move |_| {
        cut(EventStream::of([
            sse::role(),
            sse::chunk("12345678"),
            sse::chunk("1234"),
        ]))
    }
}

#[tokio::test]
async fn a_stream_that_breaks_ends_in_an_error_event_and_without_done() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let mut booked = 0;
    for cut in 0..40 {
        for ends in [EventStream::reset_at, EventStream::eof_at] {
            let script = move |stream: EventStream| ends(stream, cut * 13);
            app.provider.direct(half(script));
            for extra in [ASKED, UNASKED] {
                let answer = app.client.post(CHAT, &key.secret, &chat_body(extra)).await;
                booked += 1;
                if answer.status != 200 {
                    assert_eq!(cut, 0, "{}", answer.text());
                    continue;
                }
                let last = answer.text().trim_end().rsplit("\n\n").next().unwrap();
                let event = last.strip_prefix("data: ").unwrap();
                let error: Value = serde_json::from_str(event).unwrap();
                assert_eq!(error["error"]["code"], "upstream_invalid_response");
                assert!(!answer.text().contains("[DONE]"));
            }
        }
    }
    let calls = app.booked(booked).await;
    assert_eq!(calls.len(), booked);
    assert!(
        calls
            .iter()
            .all(|call| call.total_tokens > 0 || call.status != 200)
    );
}

#[tokio::test]
async fn a_finished_choice_without_done_is_an_end() {
    let app = TestApp::start().await;
    let key = app.key().await;
    app.provider
        .direct(|_| EventStream::of([sse::chunk("hi"), sse::finish("stop")]).finish());
    let answer = app
        .client
        .post(CHAT, &key.secret, &chat_body(UNASKED))
        .await;
    assert!(!answer.text().contains("error"), "{}", answer.text());
    assert_eq!(app.booked(1).await[0].status, 200);
}

#[tokio::test]
async fn usage_that_cannot_be_true_is_charged_as_held() {
    let app = TestApp::start().await;
    let key = app.key().await;
    app.provider.direct(|_| {
        let lie = r#"{"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":9223372036854775807,"total_tokens":1}}"#;
        EventStream::of([sse::finish("stop"), sse::event(lie), sse::done()]).finish()
    });
    let body = chat_body(&format!("{ASKED},\"max_tokens\":10"));
    app.client.post(CHAT, &key.secret, &body).await;
    let held = i64::try_from(body.len()).unwrap() + 10;
    assert_eq!(app.booked(1).await[0].total_tokens, held);
}

#[tokio::test]
async fn a_stream_that_never_ends_is_cut_where_it_was_told_to_stop() {
    let app = TestApp::start().await;
    let key = app.key().await;
    app.provider
        .direct(|_| EventStream::new().forever(&sse::chunk("tick ")));
    let body = chat_body(r#","stream":true,"max_tokens":5"#);
    let answer = app.client.post(CHAT, &key.secret, &body).await;
    assert!(answer.text().contains(r#""finish_reason":"length""#));
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    app.provider.cancelled(1).await;
    assert!(app.booked(1).await[0].total_tokens > 0);
}

#[tokio::test]
async fn a_call_is_settled_before_its_end_can_be_seen() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let gate = Gate::closed();
    let behind = gate.clone();
    app.provider.direct(move |_| {
        let said = EventStream::of([sse::chunk("hi"), sse::usage(Usage::new(3, 4)), sse::done()]);
        said.gate(&behind).finish()
    });
    let mut answer = app.client.open(CHAT, &key.secret, &chat_body(ASKED)).await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"[DONE]\n\n") {
        seen.extend_from_slice(&answer.next().await.unwrap());
    }
    // The provider keeps the connection open, and still the call is over.
    assert_eq!(app.booked(1).await[0].total_tokens, 7);
    gate.release();
}

/// Before its head, and after it; a minute and a half in the long run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_token_that_comes_late_is_waited_for() {
    let is_long = std::env::var_os("TOLLGATE_TEST_LONG").is_some();
    let late = Duration::from_secs(if is_long { 90 } else { 1 });
    let app = TestApp::start().await;
    let key = app.key().await;
    let rest = [
        sse::chunk("late"),
        sse::usage(Usage::new(3, 4)),
        sse::done(),
    ];
    let stream = EventStream::new();
    let silent = rest.iter().cloned();
    let silent = silent.fold(stream.clone().wait(late), EventStream::frame);
    let scripts = [EventStream::of(rest).finish().after(late), silent.finish()];
    for script in scripts {
        app.provider.direct(move |_| script.clone());
        let answer = app.client.post(CHAT, &key.secret, &chat_body(ASKED)).await;
        assert!(
            answer.text().ends_with("data: [DONE]\n\n"),
            "{}",
            answer.text()
        );
    }
    let calls = app.booked(2).await;
    assert!(calls.iter().all(|call| call.source == Source::Reported));
}
