//! The simulated provider behind `tollgate dev` and the tests.
//!
//! It speaks the OpenAI wire format at a believable speed and reports usage that can be checked
//! by hand: the completion tokens are the content chunks it sends. Answers depend on the request
//! alone, so the same call costs the same every time. No model is called and no key is asked for.

mod answer;
mod chat;
mod completions;
mod embeddings;
mod models;
mod pace;
mod problem;
mod prompt;
mod reply;
mod request;
mod schema;
mod serve;
mod stream;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub use serve::serve;

use crate::domain::price::Price;
use problem::Problem;

/// The models it offers: one quick, one leisurely.
pub const MODELS: [&str; 2] = ["sandbox-fast", "sandbox-slow"];

/// What they pretend to cost, in the order of [`MODELS`], so that costs and budgets can be tried.
pub const PRICES: [Price; 2] = [simple(150_000, 600_000), simple(2_500_000, 10_000_000)];

/// Micro-USD per million tokens.
const fn simple(input: i64, output: i64) -> Price {
    Price {
        input,
        output,
        cached_input: input,
        cache_write: input,
    }
}

/// Largest request body it reads; inline images make bodies large.
const BODY_LIMIT: usize = 64 << 20;

/// The provider's routes, below `/v1` as at OpenAI.
pub fn router() -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/completions", post(completions::create))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::retrieve))
        .fallback(async || Problem::unknown_url())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

#[cfg(test)]
mod tests;
