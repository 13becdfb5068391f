//! The gateway as its clients meet it.

mod authentication;
mod bodies;
mod calls;
mod connections;
mod departures;
mod errors;
mod fields;
mod framing;
mod headers;
mod heads;
mod large_answers;
mod limits;
mod log_lines;
mod models;
mod routes;
mod routing;
mod secrets;
mod shutdown;
mod stream_endings;
mod streams;
mod unreachable;
mod upstream_faults;
