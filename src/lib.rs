//! Tollgate: a multi-tenant API key gateway for LLM APIs.

pub mod cli;
pub mod config;
pub mod domain;
pub mod store;
pub mod telemetry;
