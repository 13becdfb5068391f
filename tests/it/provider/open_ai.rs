//! What a well-behaved provider answers.

use serde_json::{Value, json};

use super::calls::{DEFAULT_USAGE, Usage};
use super::script::{Answer, Script};
use super::seen::Seen;
use super::sse;
use super::streamed::EventStream;

/// The right answer to any call the gateway forwards, with the default usage.
pub fn honest(seen: &Seen) -> Script {
    match seen.path.as_str() {
        "/v1/embeddings" => embedding(seen, DEFAULT_USAGE.input).script(),
        "/v1/chat/completions" | "/v1/completions" if seen.wants_stream() => stream(seen),
        "/v1/chat/completions" | "/v1/completions" => completion(seen, DEFAULT_USAGE).script(),
        _ => Answer::error(404, "invalid_request_error", "unknown_url", "Unknown URL.").script(),
    }
}

/// A whole chat or text completion with this usage: the model and the number of choices asked for.
pub fn completion(seen: &Seen, usage: Usage) -> Answer {
    let request = seen.json();
    let chat = seen.path.starts_with("/v1/chat/");
    let count = request["n"].as_u64().unwrap_or(1);
    let choices: Vec<Value> = (0..count).map(|index| choice(chat, index)).collect();
    let object = if chat {
        "chat.completion"
    } else {
        "text_completion"
    };
    let body = json!({"id": "chatcmpl-mock", "object": object, "created": 1_735_689_600,
        "model": request["model"], "choices": choices, "usage": sse::usage_json(usage)});
    Answer::json(200, &body).reports(usage)
}

/// An embedding of two dimensions for one text.
pub fn embedding(seen: &Seen, tokens: u64) -> Answer {
    let body = json!({"object": "list", "model": seen.json()["model"],
        "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}});
    Answer::json(200, &body).reports(Usage::new(tokens, 0))
}

/// A stream of two pieces of text, with usage if it was asked for.
fn stream(seen: &Seen) -> Script {
    let said = [
        sse::role(),
        sse::chunk("po"),
        sse::chunk("ng"),
        sse::finish("stop"),
    ];
    let usage = seen.wants_usage().then(|| sse::usage(DEFAULT_USAGE));
    EventStream::of(said.into_iter().chain(usage).chain([sse::done()])).finish()
}

fn choice(chat: bool, index: u64) -> Value {
    let mut choice = json!({"index": index, "logprobs": null, "finish_reason": "stop"});
    if chat {
        choice["message"] = json!({"role": "assistant", "content": "pong", "refusal": null});
    } else {
        choice["text"] = "pong".into();
    }
    choice
}
