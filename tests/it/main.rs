//! Everything that needs a database or a socket, in one binary.

mod store;
mod support;
