//! The management API over real sockets.

mod audit;
mod bodies;
mod calls;
mod catalog;
mod cross_site;
mod idempotency;
mod invitations;
mod key_refusals;
mod keys;
mod leaks;
mod links;
mod lists;
mod matrix;
mod members;
mod openapi;
mod organisations;
mod passwords;
mod schemathesis;
mod secrets;
mod sessions;
mod sign_in;
mod strangers;
mod throttle;
mod tokens;
mod usage;
mod users;
