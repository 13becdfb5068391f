//! Tollgate: a multi-tenant API key gateway for LLM APIs.
//!
//! # The life of a call
//!
//! [`server`] accepts a connection and reads a head. The router in [`gateway`] leads it into a stack
//! of stages, each of which proves one thing and hands the proof on: the call gets its id and its
//! log line; one credential is taken from the head and its owner from the [`cache`]; the body is
//! read once and what it asks is noted; the model is looked up in the [`providers`] and in what the
//! key may call; the rate limits of organisation, project and key are asked; and room for all the
//! tokens that the call can cost is reserved in the [`ledger`]. Only then is it forwarded, with the
//! provider's credential in place of the client's.
//!
//! The answer passes the meter on its way back. It reads the usage without touching a byte, and
//! settles the hold before the client can see the end. Whatever happens in between (the client
//! leaves, the provider breaks, the process is told to stop), the call is settled exactly once, by
//! the rules in [`domain::usage`]. The ledger writes what was settled to the [`store`] in batches.
//!
//! Whoever manages keys comes by another door: the [`api`] is a face of [`management`], where the rules
//! of who may do what are.
//!
//! [`app`] puts all of this together, for the binary and for every test.

pub mod api;
pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod csv;
pub mod dashboard;
pub mod domain;
pub mod gateway;
pub mod killpoint;
pub mod ledger;
pub mod lifecycle;
pub mod limiters;
pub mod management;
pub mod metrics;
pub mod providers;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tokenizer;
pub mod traces;
pub mod upstream;
