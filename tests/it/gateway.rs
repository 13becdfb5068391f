//! The gateway as its clients meet it.

mod authentication;
mod bodies;
mod calls;
mod connections;
mod departures;
mod errors;
mod framing;
mod limits;
mod models;
mod shutdown;
mod streams;
mod upstream_faults;
