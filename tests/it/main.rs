//! The integration tests: one binary that drives the gateway over real sockets and databases.

// `cfg(test)` is always set here; it tells clippy that these modules may unwrap.
#[cfg(test)]
mod cli;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
