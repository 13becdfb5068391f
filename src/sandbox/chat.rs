//! `POST /v1/chat/completions`.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Format};
use super::problem::Problem;
use super::prompt::{Message, chat_tokens};
use super::reply::{Dialect, Reply};
use super::request::{Call, Received, StreamOptions, choice_count, read, token_cap};
use super::stream::streamed;

/// The request fields it looks at; the rest is accepted and ignored.
#[derive(Debug, Deserialize)]
pub(super) struct ChatRequest {
    messages: Vec<Message>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    n: Option<u32>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    response_format: Option<Format>,
}

/// The chat dialect: roles, deltas and tool calls.
pub(super) struct Chat;

/// Answers a chat call.
pub(super) async fn create(body: Received) -> Result<Response, Problem> {
    let call: Call<ChatRequest> = read(body)?;
    let request = call.fields;
    let answers = request.answers()?;
    let prompt_tokens = chat_tokens(&request.messages, request.tools());
    let reply = Reply::<Chat>::new(call.model, call.seed, prompt_tokens, answers);
    if request.stream.unwrap_or(false) {
        let usage_wanted = StreamOptions::usage_wanted(request.stream_options.as_ref());
        return Ok(streamed(&reply, usage_wanted));
    }
    Ok(reply.whole().await)
}

impl ChatRequest {
    fn answers(&self) -> Result<Vec<Answer>, Problem> {
        if self.messages.is_empty() {
            return Err(Problem::bad_field(
                "messages",
                "`messages` must not be empty.",
            ));
        }
        let cap = token_cap([self.max_tokens, self.max_completion_tokens])?;
        let count = usize::try_from(choice_count(self.n)?).unwrap_or(1);
        let answer = |variant| self.answer(variant).capped(cap);
        Ok((0..count).map(answer).collect())
    }

    fn answer(&self, variant: usize) -> Answer {
        if let Some(function) = self.tool_to_call()
            && let Some(name) = function.get("name").and_then(Value::as_str)
        {
            return Answer::tool(name, function.get("parameters"));
        }
        Answer::chat(&self.messages, self.response_format.as_ref(), variant)
    }

    /// The tool the caller names, else the first one; none after a tool's result.
    fn tool_to_call(&self) -> Option<&Value> {
        let forbidden = self
            .tool_choice
            .as_ref()
            .is_some_and(|choice| choice == "none");
        let answered = self.messages.last().is_some_and(|last| last.role == "tool");
        if forbidden || answered {
            return None;
        }
        let wanted = self
            .tool_choice
            .as_ref()
            .and_then(|c| c.pointer("/function/name"));
        let mut functions = self.tools().iter().filter_map(|tool| tool.get("function"));
        functions.find(|function| wanted.is_none() || function.get("name") == wanted)
    }

    fn tools(&self) -> &[Value] {
        self.tools.as_deref().unwrap_or_default()
    }
}

impl Dialect for Chat {
    const ID_PREFIX: &str = "chatcmpl";
    const OBJECT: &str = "chat.completion";
    const CHUNK: &str = "chat.completion.chunk";

    fn whole(index: usize, answer: &Answer) -> Value {
        let message = match &answer.tool {
            None => json!({"role": "assistant", "content": answer.joined(), "refusal": null}),
            Some(name) => json!({"role": "assistant", "content": null, "refusal": null,
                "tool_calls": [{"id": call_id(index), "type": "function",
                    "function": {"name": name, "arguments": answer.joined()}}]}),
        };
        json!({"index": index, "message": message, "logprobs": null,
            "finish_reason": answer.finish_reason()})
    }

    fn opening(index: usize, answer: &Answer) -> Option<Value> {
        let delta = match &answer.tool {
            None => json!({"role": "assistant", "content": "", "refusal": null}),
            Some(name) => {
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"index": 0, "id": call_id(index), "type": "function",
                    "function": function});
                json!({"role": "assistant", "content": null, "tool_calls": [call]})
            }
        };
        Some(chunk_choice(index, &delta, None))
    }

    fn piece(index: usize, answer: &Answer, piece: &str) -> Value {
        let delta = match answer.tool {
            None => json!({"content": piece}),
            Some(_) => json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
        };
        chunk_choice(index, &delta, None)
    }

    fn closing(index: usize, answer: &Answer) -> Value {
        chunk_choice(index, &json!({}), Some(answer.finish_reason()))
    }
}

fn chunk_choice(index: usize, delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason})
}

fn call_id(index: usize) -> String {
    format!("call_sandbox_{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(extra: &Value) -> ChatRequest {
        let mut body = json!({"messages": [{"role": "user", "content": "hi"}], "tools": [
            {"type": "function", "function": {"name": "first"}},
            {"type": "function", "function": {"name": "second"}},
        ]});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        serde_json::from_value(body).unwrap()
    }

    fn called(extra: &Value) -> Option<String> {
        request(extra).answer(0).tool
    }

    #[test]
    fn the_first_tool_is_called_unless_another_is_named() {
        assert_eq!(called(&json!({})).as_deref(), Some("first"));
        assert_eq!(
            called(&json!({"tool_choice": "auto"})).as_deref(),
            Some("first")
        );
        let second = json!({"type": "function", "function": {"name": "second"}});
        assert_eq!(
            called(&json!({"tool_choice": second})).as_deref(),
            Some("second")
        );
    }

    #[test]
    fn no_tool_is_called_when_forbidden_or_just_answered() {
        assert_eq!(called(&json!({"tool_choice": "none"})), None);
        let result = json!([{"role": "tool", "tool_call_id": "x", "content": "42"}]);
        let answered = request(&json!({"messages": result})).answer(0);
        assert!(answered.joined().contains("You said: \"42\""));
        assert_eq!(called(&json!({"tools": null})), None);
    }

    #[test]
    fn both_token_caps_are_obeyed_for_each_choice() {
        let capped = request(&json!({"tools": [], "max_completion_tokens": 2, "n": 3}));
        let answers = capped.answers().unwrap();
        assert_eq!(answers.len(), 3);
        assert!(
            answers
                .iter()
                .all(|a| a.pieces.len() == 2 && a.finish_reason() == "length")
        );
    }

    #[test]
    fn an_unknown_response_format_is_plain_text() {
        let plain = request(&json!({"tools": [], "response_format": {"type": "text"}}));
        assert!(plain.answer(0).joined().starts_with("You said"));
        let object = request(&json!({"tools": [], "response_format": {"type": "json_object"}}));
        assert!(
            object
                .answer(0)
                .joined()
                .parse::<Value>()
                .unwrap()
                .is_object()
        );
    }
}
