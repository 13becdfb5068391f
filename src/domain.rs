//! The rules of the gateway as functions of values: no IO, no clock of its own, no framework.
//! A test in `tests/it` keeps it that way.

pub mod audit;
pub mod email;
pub mod encoding;
pub mod endpoint;
pub mod key;
pub mod limits;
pub mod model_access;
pub mod name;
pub mod price;
pub mod quota;
pub mod refused;
pub mod role;
pub mod secret;
pub mod tenant;
pub mod time;
pub mod usage;
