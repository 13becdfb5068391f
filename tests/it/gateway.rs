//! The gateway as its clients meet it.

mod authentication;
mod bodies;
mod calls;
mod departures;
mod errors;
mod fields;
mod heads;
mod models;
mod routes;
mod routing;
mod secrets;
mod streams;
mod upstream_faults;
