//! The management API over real sockets.

mod cross_site;
mod idempotency;
mod invitations;
mod key_refusals;
mod keys;
mod leaks;
mod links;
mod members;
mod organisations;
mod passwords;
mod sessions;
mod sign_in;
mod strangers;
mod throttle;
mod tokens;
