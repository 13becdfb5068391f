//! The gateway as its clients meet it.

mod authentication;
mod bodies;
mod calls;
mod errors;
mod models;
