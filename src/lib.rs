//! Tollgate: a gateway that meters and limits calls to LLM providers.

pub mod sandbox;
