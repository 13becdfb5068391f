//! The gateway as its clients meet it.

mod authentication;
mod bodies;
mod calls;
mod departures;
mod errors;
mod heads;
mod models;
mod secrets;
mod streams;
mod upstream_faults;
