//! Hands the call to its provider: address, headers, credential, body. Failures are told apart by
//! whose they are. Nothing is tried twice, except that a provider which refuses `stream_options` is
//! asked once more without them, and that hyper's pool replaces a connection that had closed before
//! any byte was taken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited as LimitedBody};
use hyper::body::Incoming;
use memchr::memmem;
use tower::Service;

use super::quota::Held;
use super::refusal::Refusal;
use crate::domain::usage::Ending;

mod body;
mod headers;
mod upstream;

pub use headers::to_client;
pub use upstream::{IDLE, SendError, Upstream};

/// The largest error of a provider that is read.
const LARGEST_ERROR: usize = 1024 * 1024;

/// What a provider answered.
pub struct Reply {
    /// The call it belongs to.
    pub held: Held,
    /// The answer.
    pub kind: ReplyKind,
    /// Whether the usage in a stream is there only because we asked for it.
    pub hides_usage: bool,
}

/// The shape of an answer.
pub enum ReplyKind {
    /// Events, to be passed on as they come.
    Stream(Response<Incoming>),
    /// One document.
    Whole(Response<Incoming>),
    /// The provider's word on what the client sent, for the client.
    Refused(Response<Bytes>),
}

/// A call that has no answer to pass on.
pub struct Failed {
    /// The call.
    pub held: Held,
    /// What the client is told.
    pub refusal: Refusal,
    /// What it costs.
    pub ending: Ending,
}

/// See the module.
#[derive(Clone)]
pub struct Forward {
    upstream: Upstream,
}

/// The future of [`Forward`].
pub type Forwarding = Pin<Box<dyn Future<Output = Result<Reply, Box<Failed>>> + Send>>;

impl Forward {
    /// Calls providers through `upstream`.
    pub fn new(upstream: &Upstream) -> Self {
        Self {
            upstream: upstream.clone(),
        }
    }
}

impl Service<Held> for Forward {
    type Response = Reply;
    type Error = Box<Failed>;
    type Future = Forwarding;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, held: Held) -> Forwarding {
        let upstream = self.upstream.clone();
        Box::pin(forward(upstream, held))
    }
}

async fn forward(upstream: Upstream, mut held: Held) -> Result<Reply, Box<Failed>> {
    let provider = Arc::clone(&held.limited.routed.route.provider);
    let mut wants_usage = provider.takes_stream_options();
    held.hold.dispatch();
    loop {
        let request = request(&mut held, wants_usage);
        let sending = upstream.send(request);
        let response = match tokio::time::timeout(provider.first_byte_timeout, sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unanswered(held, &error)),
            Err(_) => return Err(failed(held, Refusal::UpstreamTimeout, RAN)),
        };
        let hides_usage = wants_usage && body::adds_usage(&held.limited.routed.inspected.facts);
        if response.status().is_success() {
            let kind = success(response).map_err(|refusal| (refusal, RAN));
            return match kind {
                Ok(kind) => Ok(Reply {
                    held,
                    kind,
                    hides_usage,
                }),
                Err((refusal, ending)) => Err(failed(held, refusal, ending)),
            };
        }
        let (head, body) = read_error(response).await;
        if hides_usage && names_stream_options(head.status, &body) {
            provider.refused_stream_options();
            wants_usage = false;
            continue;
        }
        return refused(held, head, body);
    }
}

/// Sent, and whatever it cost is not known here.
const RAN: Ending = Ending::Ran {
    usage: None,
    delivered: 0,
};

fn request(held: &mut Held, wants_usage: bool) -> Request<Full<Bytes>> {
    let cap = held.hold.shrunk_cap();
    let routed = &held.limited.routed;
    let provider = &routed.route.provider;
    let body = body::outgoing(routed, wants_usage, cap);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = provider.uri(routed.inspected.endpoint).clone();
    let client = &routed.inspected.head.headers;
    *request.headers_mut() = headers::to_provider(client, provider.credential.as_ref());
    request
}

/// The shapes that a success may have. A coding we cannot read through would lose the usage.
fn success(response: Response<Incoming>) -> Result<ReplyKind, Refusal> {
    let headers = response.headers();
    let coding = headers.get(CONTENT_ENCODING);
    let has_body = !matches!(response.status().as_u16(), 204 | 205 | 206);
    if !has_body || coding.is_some_and(|coding| coding != "identity") {
        return Err(Refusal::UpstreamInvalidResponse);
    }
    match media_type(headers).as_str() {
        "text/event-stream" => Ok(ReplyKind::Stream(response)),
        "application/json" | "" => Ok(ReplyKind::Whole(response)),
        _ => Err(Refusal::UpstreamInvalidResponse),
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

async fn read_error(response: Response<Incoming>) -> (http::response::Parts, Bytes) {
    let (head, body) = response.into_parts();
    let read = LimitedBody::new(body, LARGEST_ERROR).collect();
    let read = tokio::time::timeout(upstream::IDLE, read).await;
    let body = read
        .ok()
        .and_then(Result::ok)
        .map(http_body_util::Collected::to_bytes);
    (head, body.unwrap_or_default())
}

fn names_stream_options(status: StatusCode, body: &[u8]) -> bool {
    matches!(status.as_u16(), 400 | 422) && memmem::find(body, b"stream_options").is_some()
}

/// What the provider says about the client's own request is the client's to read; the rest is
/// between us and the provider.
fn refused(held: Held, head: http::response::Parts, body: Bytes) -> Result<Reply, Box<Failed>> {
    let refusal = match head.status.as_u16() {
        400 | 404 | 413 | 422 => {
            let provider = &held.limited.routed.route.provider;
            let response = Response::from_parts(head, provider.scrub(body));
            let kind = ReplyKind::Refused(response);
            return Ok(Reply {
                held,
                kind,
                hides_usage: false,
            });
        }
        401..=403 => unavailable(&held, head.status),
        429 if is_out_of_credit(&body) => unavailable(&held, head.status),
        429 => Refusal::UpstreamRateLimited {
            retry_after: retry_after(&head.headers),
        },
        300..=399 => Refusal::UpstreamInvalidResponse,
        _ => Refusal::UpstreamError,
    };
    Err(failed(held, refusal, Ending::Refused))
}

/// The operator's problem, and nobody else will notice it.
fn unavailable(held: &Held, status: StatusCode) -> Refusal {
    let provider = &*held.limited.routed.route.provider.name;
    tracing::error!(
        provider,
        status = status.as_u16(),
        "the provider refuses this gateway's credential or credit"
    );
    Refusal::UpstreamUnavailable
}

fn is_out_of_credit(body: &[u8]) -> bool {
    let signs: [&[u8]; 3] = [b"insufficient_quota", b"credit_balance", b"billing"];
    signs.iter().any(|sign| memmem::find(body, sign).is_some())
}

fn retry_after(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(RETRY_AFTER).cloned()
}

fn unanswered(held: Held, error: &SendError) -> Box<Failed> {
    match error {
        SendError::NotSent => failed(held, Refusal::UpstreamUnreachable, Ending::NeverSent),
        SendError::Broken => failed(held, Refusal::UpstreamUnreachable, RAN),
        SendError::Senseless => failed(held, Refusal::UpstreamInvalidResponse, RAN),
    }
}

fn failed(held: Held, refusal: Refusal, ending: Ending) -> Box<Failed> {
    Box::new(Failed {
        held,
        refusal,
        ending,
    })
}
