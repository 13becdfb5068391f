//! The events of a chat stream, as providers write them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::calls::Usage;

/// Some bytes of a stream, and the tokens they report, if any.
#[derive(Clone, Debug)]
pub struct Frame {
    /// As written.
    pub bytes: Bytes,
    /// Booked once they are written.
    pub reports: Option<Usage>,
}

impl Frame {
    /// Bytes as they are.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            reports: None,
        }
    }

    /// Adds what they report.
    pub fn reporting(mut self, usage: Usage) -> Self {
        self.reports = Some(usage);
        self
    }
}

/// One event with these data.
pub fn event(data: &str) -> Frame {
    Frame::raw(format!("data: {data}\n\n"))
}

/// The first chunk: a role, no text.
pub fn role() -> Frame {
    choice(&json!({"role": "assistant", "content": ""}), &Value::Null)
}

/// A chunk with a piece of text.
pub fn chunk(text: &str) -> Frame {
    choice(&json!({"content": text}), &Value::Null)
}

/// The chunk that ends the answer.
pub fn finish(reason: &str) -> Frame {
    choice(&json!({}), &reason.into())
}

/// The usage-only chunk.
pub fn usage(usage: Usage) -> Frame {
    event(&object(&json!([]), Some(usage)).to_string()).reporting(usage)
}

/// A chunk with a piece of text and the usage so far.
pub fn chunk_with_usage(text: &str, usage: Usage) -> Frame {
    let choices = json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}]);
    event(&object(&choices, Some(usage)).to_string()).reporting(usage)
}

/// The end mark.
pub fn done() -> Frame {
    event("[DONE]")
}

/// A comment.
pub fn comment(text: &str) -> Frame {
    Frame::raw(format!(": {text}\n\n"))
}

/// An error inside the stream.
pub fn error(kind: &str, message: &str) -> Frame {
    let error = json!({"message": message, "type": kind, "param": null, "code": null});
    event(&json!({"error": error}).to_string())
}

/// Usage as OpenAI writes it.
pub fn usage_json(usage: Usage) -> Value {
    json!({"prompt_tokens": usage.input, "completion_tokens": usage.output,
        "total_tokens": usage.total()})
}

fn choice(delta: &Value, finish_reason: &Value) -> Frame {
    let choice = json!({"index": 0, "delta": delta, "logprobs": null,
        "finish_reason": finish_reason});
    event(&object(&json!([choice]), None).to_string())
}

fn object(choices: &Value, usage: Option<Usage>) -> Value {
    let mut object = json!({"id": "chatcmpl-mock", "object": "chat.completion.chunk",
        "created": 1_735_689_600, "model": "mock", "choices": choices});
    if let Some(usage) = usage {
        object["usage"] = usage_json(usage);
    }
    object
}
