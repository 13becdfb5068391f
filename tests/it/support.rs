//! What tests share.

pub mod app;
pub mod client;
pub mod db;
pub mod log;
