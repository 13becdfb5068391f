//! The sections with fixed keys. Their defaults are in `config/default.toml` and nowhere else.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::address_range::AddressRange;
use super::duration;

/// `[server]`: listeners, timeouts and caps.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where metrics are read.
    pub metrics_listen: SocketAddr,
    /// What people call this gateway.
    pub public_url: String,
    /// For the head of a request.
    #[serde(with = "duration")]
    pub header_timeout: Duration,
    /// For the body of a request.
    #[serde(with = "duration")]
    pub body_timeout: Duration,
    /// For silence between requests.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// The largest request body.
    pub max_body_bytes: usize,
    /// Bytes of request bodies held at once.
    pub max_buffered_bytes: usize,
    /// Calls in flight at once.
    pub max_calls: usize,
    /// Connections open at once.
    pub max_connections: usize,
    /// Connections open at once from one address; 0 = no cap.
    pub max_connections_per_address: usize,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<AddressRange>,
    /// Not ready, still serving.
    #[serde(with = "duration")]
    pub shutdown_delay: Duration,
    /// How long streams may finish.
    #[serde(with = "duration")]
    pub drain: Duration,
}

/// `[auth]`: how keys are proven.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// How long cached keys work while the store is away.
    #[serde(with = "duration")]
    pub grace: Duration,
}

/// `[quota]`: what holds assume.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Output tokens of a call that names no maximum, on a model that declares none.
    pub default_max_output_tokens: i64,
}

/// `[ledger]`: how usage is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// What a record of a call survives.
    pub durability: Durability,
    /// How large the journal may grow.
    pub journal_max_bytes: u64,
}

/// What a record of a call survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// A crash of the process.
    Process,
    /// A crash of the machine.
    Disk,
}

/// `[retention]`: how long records are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Single calls.
    #[serde(with = "duration")]
    pub calls: Duration,
    /// The audit trail.
    #[serde(with = "duration")]
    pub audit: Duration,
}
