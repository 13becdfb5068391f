//! The integration tests: one binary that drives the gateway over real sockets and databases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect has failed"
)]

mod api;
mod cli;
mod dashboard;
mod docs;
mod domain;
mod gateway;
mod ledger;
mod operation;
mod provider;
mod scale;
mod store;
mod support;
