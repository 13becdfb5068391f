//! The management API over real sockets.

mod idempotency;
mod key_refusals;
mod keys;
mod leaks;
mod organisations;
mod strangers;
