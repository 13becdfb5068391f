//! The one way to a provider: kept connections of HTTP/1.1 and h2, TLS by rustls. Connecting and
//! silence have deadlines, whole answers have none: a total timeout would cut long streams.
//! Redirects are not followed, nothing is decompressed, no cookie is kept, no proxy is used.
//!
//! A connection of HTTP/1.1 is driven by the call that uses it, within that call's own task: no task,
//! channel or switch of its own. Calls of h2 share connections, which therefore have a task each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use parking_lot::Mutex;

mod body;
mod connect;
mod http1;
mod http2;
mod origin;

pub use body::UpstreamBody;

use connect::Connect;
use origin::{Found, Origin};

/// The longest silence within an answer: reasoning models think for minutes.
pub const IDLE: Duration = Duration::from_mins(5);

/// See the module.
pub struct Upstream {
    connect: Connect,
    /// As few as there are providers.
    origins: Mutex<Vec<Arc<Origin>>>,
}

/// How far a call came that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No byte of it was taken, or its provider did nothing for it.
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

/// What is sent to providers.
type Outgoing = Request<Bytes>;

/// Why a connection gave no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Its provider closed it.
    #[error("the connection was closed before the end of the answer")]
    Early,
    /// It failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// What came is no HTTP, or can be read in two ways.
    #[error("the answer is no HTTP: {0} makes no sense")]
    Senseless(&'static str),
    /// It is one of h2.
    #[error("the connection of h2 failed")]
    Shared(#[from] hyper::Error),
}

/// A call that was not answered.
enum Unanswered {
    /// Its connection had closed before any byte was taken, or its provider says that it did nothing for
    /// it: it can go by another.
    Unsent(Box<Outgoing>),
    /// It failed.
    Failed(Broken),
}

impl Upstream {
    /// No connection yet. It trusts the machine's certificates and Mozilla's.
    pub fn new() -> Result<Self, TlsError> {
        Ok(Self {
            connect: Connect::new()?,
            origins: Mutex::default(),
        })
    }

    /// Sends `request` and waits for the head of its answer. A kept connection that proves closed
    /// before it took a byte, or whose provider did nothing for the request, is replaced. `taken` is told
    /// before a connection gets the request, and when it gave it back.
    pub async fn send(
        &self,
        mut request: Outgoing,
        mut taken: impl FnMut(bool),
    ) -> Result<Response<UpstreamBody>, SendError> {
        let origin = self.origin(request.uri());
        while let Some(kept) = origin.take() {
            taken(true);
            request = match kept.send(request).await {
                Err(Unanswered::Unsent(request)) => *request,
                answered => return answered.map_err(classify),
            };
            taken(false);
        }
        // Boxed, because a call seldom needs it and its future is large.
        let fresh = Box::pin(self.open(&origin)).await?;
        taken(true);
        fresh.send(request).await.map_err(classify)
    }

    /// Where `uri` leads, remembered.
    fn origin(&self, uri: &Uri) -> Arc<Origin> {
        let mut origins = self.origins.lock();
        if let Some(known) = origins.iter().find(|origin| origin.is_of(uri)) {
            return Arc::clone(known);
        }
        let origin = Arc::new(Origin::of(uri));
        origins.push(Arc::clone(&origin));
        origin
    }

    async fn open(&self, origin: &Arc<Origin>) -> Result<Found, SendError> {
        let connection = self.connect.connect(origin.address()).await;
        let connection = connection.map_err(|error| {
            tracing::debug!(error = chain(&*error), "a provider was not reached");
            SendError::NotSent
        })?;
        origin.begin(connection).await.map_err(|error| {
            tracing::debug!(error = chain(&error), "a provider's connection broke");
            SendError::NotSent
        })
    }
}

fn classify(unanswered: Unanswered) -> SendError {
    let error = match unanswered {
        Unanswered::Unsent(_) => return SendError::NotSent,
        Unanswered::Failed(error) => error,
    };
    tracing::debug!(error = chain(&error), "a provider did not answer");
    match error {
        Broken::Senseless(_) => SendError::Senseless,
        Broken::Early | Broken::Io(_) | Broken::Shared(_) => SendError::Broken,
    }
}

/// The causes of `error`; some hold addresses, but none a header or a body.
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

#[cfg(test)]
mod tests;
