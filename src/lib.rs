//! Tollgate: a multi-tenant API key gateway for LLM APIs.

pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod domain;
pub mod gateway;
pub mod ledger;
pub mod lifecycle;
pub mod providers;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod telemetry;
