//! A request as the provider got it.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

/// One request, complete.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its target as sent, query included.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, transfer coding removed.
    pub body: Bytes,
    /// When its last byte arrived.
    pub at: Instant,
    /// The connection it came on, counted from 1.
    pub connection: usize,
}

impl Seen {
    /// The body as JSON, `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Whether it asks for a stream.
    pub fn wants_stream(&self) -> bool {
        self.json()["stream"] == true
    }

    /// Whether it asks for the usage chunk of a stream.
    pub fn wants_usage(&self) -> bool {
        self.json()["stream_options"]["include_usage"] == true
    }
}
