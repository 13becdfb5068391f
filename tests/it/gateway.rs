//! The gateway as its clients meet it.

mod authentication;
mod bodies;
mod cache;
mod calls;
mod connections;
mod departures;
mod errors;
mod fields;
mod framing;
mod heads;
mod http2;
mod keep_alive;
mod limits;
mod models;
mod quotas;
mod rate_limits;
mod routes;
mod routing;
mod secrets;
mod shutdown;
mod store_away;
mod streams;
mod upstream_faults;
