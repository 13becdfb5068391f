//! Tollgate: a multi-tenant API key gateway for LLM APIs.

pub mod config;
pub mod domain;
pub mod telemetry;
