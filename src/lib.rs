//! Tollgate: a multi-tenant API key gateway for LLM APIs.

pub mod domain;
pub mod store;
