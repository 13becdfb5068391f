//! What tests share.

pub mod app;
pub mod client;
pub mod collector;
mod connections;
pub mod db;
pub mod documented;
pub mod h2;
pub mod link;
pub mod log;
pub mod made;
pub mod people;
pub mod postgres;
pub mod proxy;
pub mod running;
pub mod standby;
pub mod tmpfs;
