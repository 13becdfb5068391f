//! The one way to a provider: hyper-util's pooled client, HTTP/1.1 and h2, TLS by rustls. Connecting
//! and silence have deadlines, whole answers have none: a total timeout would cut long streams.
//! Redirects are not followed, nothing is decompressed, no cookie is kept, no proxy is used.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::Connect;

/// The longest silence within an answer: reasoning models think for minutes.
pub const IDLE: Duration = Duration::from_mins(5);

/// Below what providers' load balancers keep, so that the pool seldom hands out a closed connection.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// See the module.
pub struct Upstream(Client<Connect, Full<Bytes>>);

/// How far a call came that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No byte of it was taken.
    NotSent,
    /// It may have been taken.
    Broken,
    /// What came back is no HTTP.
    Senseless,
}

/// This machine's TLS is unusable.
#[derive(Debug, thiserror::Error)]
#[error("TLS towards providers cannot be set up")]
pub struct TlsError(#[from] rustls::Error);

impl Upstream {
    /// A client with an empty pool. It trusts the machine's certificates and Mozilla's.
    pub fn new() -> Result<Self, TlsError> {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .build(Connect::new()?);
        Ok(Self(client))
    }

    /// Sends `request` and waits for the head of its answer.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        self.0.request(request).await.map_err(|error| {
            tracing::debug!(error = chain(&error), "a provider did not answer");
            classify(&error)
        })
    }
}

fn classify(error: &Error) -> SendError {
    if error.is_connect() {
        return SendError::NotSent;
    }
    let source = std::error::Error::source(error);
    match source.and_then(|source| source.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_parse() || error.is_parse_too_large() => SendError::Senseless,
        // The pool's connection had closed, and so had the one that replaced it.
        Some(error) if error.is_canceled() => SendError::NotSent,
        _ => SendError::Broken,
    }
}

/// The causes of `error`; hyper's hold addresses, but no header and no body.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
