//! `POST /v1/completions`, the older endpoint: plain text in, plain text out.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::problem::Problem;
use super::prompt::{Input, Item};
use super::reply::{Dialect, Reply};
use super::request::{Call, Received, StreamOptions, choice_count, read, token_cap};
use super::stream::streamed;

/// Most texts one call may send.
const MAX_PROMPTS: usize = 128;

#[derive(Debug, Deserialize)]
struct CompletionRequest {
    prompt: Input,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u64>,
    n: Option<u32>,
}

/// The dialect of plain completions.
struct Completion;

/// Answers a completion call: `n` choices for each text.
pub(super) async fn create(body: Received) -> Result<Response, Problem> {
    let call: Call<CompletionRequest> = read(body)?;
    let request = call.fields;
    let cap = token_cap([request.max_tokens, None])?;
    let count = usize::try_from(choice_count(request.n)?).unwrap_or(1);
    let prompts = request.prompt.items();
    if prompts.is_empty() || prompts.len() > MAX_PROMPTS {
        let message = "`prompt` must hold between 1 and 128 texts.";
        return Err(Problem::bad_field("prompt", message));
    }
    let prompt_tokens = prompts.iter().map(Item::tokens).sum();
    let answer = |(item, variant): (&Item, usize)| {
        Answer::text(&item.words().join(" "), variant).capped(cap)
    };
    let variants = |item| (0..count).map(move |variant| (item, variant));
    let answers = prompts.iter().flat_map(variants).map(answer).collect();

    let reply = Reply::<Completion>::new(call.model, call.seed, prompt_tokens, answers);
    if request.stream.unwrap_or(false) {
        let usage_wanted = StreamOptions::usage_wanted(request.stream_options.as_ref());
        return Ok(streamed(&reply, usage_wanted));
    }
    Ok(reply.whole().await)
}

impl Dialect for Completion {
    const ID_PREFIX: &str = "cmpl";
    const OBJECT: &str = "text_completion";
    const CHUNK: &str = "text_completion";

    fn whole(index: usize, answer: &Answer) -> Value {
        choice(index, &answer.joined(), Some(answer.finish_reason()))
    }

    fn opening(_: usize, _: &Answer) -> Option<Value> {
        None
    }

    fn piece(index: usize, _: &Answer, piece: &str) -> Value {
        choice(index, piece, None)
    }

    fn closing(index: usize, answer: &Answer) -> Value {
        choice(index, "", Some(answer.finish_reason()))
    }
}

fn choice(index: usize, text: &str, finish_reason: Option<&str>) -> Value {
    json!({"index": index, "text": text, "logprobs": null, "finish_reason": finish_reason})
}
