//! A finished reply: what an endpoint decided to say, as JSON at once or as a stream.

use std::marker::PhantomData;

use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::answer::Answer;
use super::pace::Pace;

/// How one endpoint writes the same answer.
pub(super) trait Dialect {
    /// What its ids start with.
    const ID_PREFIX: &str;
    /// `object` of a whole answer.
    const OBJECT: &str;
    /// `object` of a chunk.
    const CHUNK: &str;

    /// A whole choice.
    fn whole(index: usize, answer: &Answer) -> Value;
    /// The chunk choice ahead of the first token, if there is one.
    fn opening(index: usize, answer: &Answer) -> Option<Value>;
    /// The chunk choice that carries one token.
    fn piece(index: usize, answer: &Answer, piece: &str) -> Value;
    /// The chunk choice that ends an answer.
    fn closing(index: usize, answer: &Answer) -> Value;
}

/// Everything said to one call.
pub(super) struct Reply<D> {
    pub answers: Vec<Answer>,
    pub pace: Pace,
    started: Instant,
    prompt_tokens: usize,
    frame: Value,
    dialect: PhantomData<D>,
}

impl<D: Dialect> Reply<D> {
    /// A reply of the model to a prompt of so many tokens; its clock starts now.
    pub fn new(model: &str, seed: u32, prompt_tokens: usize, answers: Vec<Answer>) -> Self {
        let id = Uuid::now_v7();
        // The id carries the time it was made; no second look at the clock is needed.
        let created = id.get_timestamp().map_or(0, |time| time.to_unix().0);
        Self {
            answers,
            pace: Pace::of(model, seed),
            started: Instant::now(),
            prompt_tokens,
            frame: json!({
                "id": format!("{}-{}", D::ID_PREFIX, id.simple()),
                "created": created,
                "model": model,
                "system_fingerprint": "fp_sandbox",
            }),
            dialect: PhantomData,
        }
    }

    /// The JSON answer, once its last token is due.
    pub async fn whole(self) -> Response {
        let longest = self.answers.iter().map(|a| a.pieces.len()).max();
        let last = longest.unwrap_or(0).saturating_sub(1);
        sleep_until(self.started + self.pace.due(last)).await;
        let choices = self.answers.iter().enumerate();
        let choices = choices.map(|(i, a)| D::whole(i, a)).collect();
        json_response(&self.object(D::OBJECT, choices, Some(self.usage())))
    }

    /// A chunk; it has no `usage` key unless one is given.
    pub fn chunk(&self, choices: Vec<Value>, usage: Option<Value>) -> Value {
        self.object(D::CHUNK, choices, usage)
    }

    /// The usage of all choices together.
    pub fn usage(&self) -> Value {
        let completion: usize = self.answers.iter().map(|a| a.pieces.len()).sum();
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        })
    }

    /// When the call came in.
    pub fn started(&self) -> Instant {
        self.started
    }

    fn object(&self, object: &str, choices: Vec<Value>, usage: Option<Value>) -> Value {
        let mut value = self.frame.clone();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("object".to_owned(), object.into());
            fields.insert("choices".to_owned(), choices.into());
            fields.extend(usage.map(|usage| ("usage".to_owned(), usage)));
        }
        value
    }
}

/// A 200 with a JSON body.
pub(super) fn json_response(body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
