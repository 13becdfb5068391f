//! The gateway as its clients meet it.

mod authentication;
mod bodies;
mod budgets;
mod cache;
mod calls;
mod clocks;
mod connections;
mod departures;
mod errors;
mod fields;
mod framing;
mod headers;
mod heads;
pub mod http2;
mod journal;
mod keep_alive;
mod large_answers;
mod limits;
mod log_lines;
mod metrics;
mod models;
mod overload;
mod processes;
mod quotas;
mod rate_limits;
mod routes;
mod routing;
mod secrets;
mod shutdown;
mod store_away;
mod stream_endings;
mod streams;
#[cfg(feature = "tokenizer")]
mod tokenizers;
mod traces;
mod unreachable;
mod upstream_faults;
