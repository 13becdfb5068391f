//! The gateway as its clients meet it.

mod authentication;
mod bodies;
mod calls;
mod departures;
mod errors;
mod limits;
mod models;
mod streams;
mod upstream_faults;
