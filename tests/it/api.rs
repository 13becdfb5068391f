//! The management API over real sockets.

mod strangers;
