//! The same reply as server-sent events, each token when it is due.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;
use tokio::time::sleep_until;

use super::reply::{Dialect, Reply};

/// One event and when it is due, counted from the request.
type Timed = (Duration, Bytes);

/// The reply as an event stream; `usage_wanted` adds the usage-only chunk.
pub(super) fn streamed<D: Dialect>(reply: &Reply<D>, usage_wanted: bool) -> Response {
    let started = reply.started();
    let events = events(reply, usage_wanted).into_iter();
    let body = stream::unfold(events, move |mut events| async move {
        let (due, bytes) = events.next()?;
        sleep_until(started + due).await;
        Some((Ok::<Bytes, Infallible>(bytes), events))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    let event_stream = HeaderValue::from_static("text/event-stream; charset=utf-8");
    headers.insert(CONTENT_TYPE, event_stream);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The whole transcript: openings, tokens of all choices in turn, endings, usage, `[DONE]`.
fn events<D: Dialect>(reply: &Reply<D>, usage_wanted: bool) -> Vec<Timed> {
    let no_usage = usage_wanted.then_some(Value::Null);
    let event = |choice| data(&reply.chunk(vec![choice], no_usage.clone()).to_string());
    let answers = || reply.answers.iter().enumerate();
    let longest = reply.answers.iter().map(|a| a.pieces.len()).max();
    let longest = longest.unwrap_or(0);

    let start = reply.pace.due(0);
    let openings = answers().filter_map(|(i, a)| D::opening(i, a));
    let mut events: Vec<Timed> = openings.map(|choice| (start, event(choice))).collect();
    for token in 0..longest {
        let due = reply.pace.due(token);
        for (index, answer) in answers() {
            let piece = answer.pieces.get(token);
            events.extend(piece.map(|p| (due, event(D::piece(index, answer, p)))));
        }
    }
    let end = reply.pace.due(longest.saturating_sub(1));
    events.extend(answers().map(|(i, a)| (end, event(D::closing(i, a)))));
    if usage_wanted {
        let usage = reply.chunk(Vec::new(), Some(reply.usage()));
        events.push((end, data(&usage.to_string())));
    }
    events.push((end, data("[DONE]")));
    events
}

fn data(line: &str) -> Bytes {
    format!("data: {line}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::answer::Answer;
    use crate::sandbox::chat::Chat;

    fn transcript(answers: Vec<Answer>, usage_wanted: bool) -> Vec<String> {
        let reply = Reply::<Chat>::new("sandbox-fast", 1, 5, answers);
        let events = events(&reply, usage_wanted);
        assert!(events.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        let text = |(_, bytes): &Timed| String::from_utf8(bytes.to_vec()).unwrap();
        events.iter().map(text).collect()
    }

    #[tokio::test]
    async fn every_event_is_one_data_line_and_done_is_last() {
        let events = transcript(vec![Answer::text("hi", 0)], false);
        assert!(
            events
                .iter()
                .all(|e| e.starts_with("data: ") && e.ends_with("\n\n"))
        );
        assert!(events.iter().all(|e| e.matches('\n').count() == 2));
        assert_eq!(events.last().unwrap(), "data: [DONE]\n\n");
        assert!(events.iter().all(|e| !e.contains("\"usage\":")));
    }

    #[tokio::test]
    async fn usage_counts_the_content_chunks_of_all_choices() {
        let answers = vec![Answer::text("hi", 0), Answer::text("hi", 1).capped(4)];
        let events = transcript(answers, true);
        let json = |event: &String| event["data: ".len()..].trim().parse::<Value>().unwrap();
        let (usage, chunks) = events[..events.len() - 1].split_last().unwrap();
        let spoken = |chunk: &Value| {
            chunk["choices"][0]["delta"]["content"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        };
        let spoken = chunks.iter().map(json).filter(spoken).count();
        assert!(
            chunks
                .iter()
                .all(|event| json(event)["usage"] == Value::Null)
        );
        assert!(chunks.iter().all(|event| event.contains("\"usage\":null")));
        assert_eq!(json(usage)["choices"], Value::Array(Vec::new()));
        assert_eq!(json(usage)["usage"]["completion_tokens"], spoken);
        assert_eq!(json(usage)["usage"]["prompt_tokens"], 5);
    }
}
