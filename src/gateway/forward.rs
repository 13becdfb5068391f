//! Hands the call to its provider: address, headers, credential, body. Failures are told apart by
//! whose they are. Nothing is tried twice, except that a provider which refuses `stream_options` is
//! asked once more without them, and that a call which a connection did not take, or its provider did not
//! process, goes by another one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{Method, Request, Response};
use tower::Service;

use super::quota::Held;
use super::refusal::Refusal;
use crate::domain::usage::Ending;
use crate::killpoint::{self, Killpoint};
use crate::upstream::{SendError, Upstream, UpstreamBody};

mod body;
mod headers;
mod refused;

pub use headers::to_client;

use refused::Refused;

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
    Stream(Response<UpstreamBody>),
    /// One document.
    Whole(Response<UpstreamBody>),
    /// The provider's word on what the client sent, for the client.
    Refused(Response<Bytes>),
}

/// A call that has no answer to pass on.
pub struct Failed {
    /// The call.
    pub held: Held,
    /// What the client is told.
    pub refusal: Refusal,
    /// What it costs, as far as that is known here.
    pub ending: Ending,
    /// What the provider said, if it refused; usage may be among it.
    pub said: Bytes,
}

/// See the module.
#[derive(Clone)]
pub struct Forward {
    upstream: Arc<Upstream>,
}

/// The future of [`Forward`].
pub type Forwarding = Pin<Box<dyn Future<Output = Result<Reply, Box<Failed>>> + Send>>;

impl Forward {
    /// Calls providers through `upstream`.
    pub fn new(upstream: &Arc<Upstream>) -> Self {
        Self {
            upstream: Arc::clone(upstream),
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
        let upstream = Arc::clone(&self.upstream);
        Box::pin(forward(upstream, held))
    }
}

async fn forward(upstream: Arc<Upstream>, mut held: Held) -> Result<Reply, Box<Failed>> {
    let provider = Arc::clone(&held.limited.routed.route.provider);
    let inspected = &mut held.limited.routed.inspected;
    let headers = std::mem::take(&mut inspected.head.headers);
    let mut headers = headers::to_provider(headers, provider.credential.as_ref());
    let adds_usage = provider.takes_stream_options() && body::adds_usage(&inspected.facts);
    // Calls that came together leave together: a provider that sleeps is woken once, not once a call.
    tokio::task::yield_now().await;
    if held.dispatch().await.is_err() {
        let unrecordable = Outcome::Failed(Refusal::LedgerUnavailable, Ending::NeverSent);
        return reply(held, unrecordable, false);
    }
    trace(&held, &mut headers);
    if adds_usage {
        let outcome = ask(&upstream, &mut held, headers.clone(), true).await;
        if !is_about_stream_options(&outcome) {
            return reply(held, outcome, true);
        }
    }
    let outcome = ask(&upstream, &mut held, headers, false).await;
    // A refusal may be about the client's own options, or quote the whole request: only a provider that
    // takes the call without ours is one that does not take them.
    if adds_usage && matches!(outcome, Outcome::Answered(_)) {
        provider.refused_stream_options();
    }
    reply(held, outcome, false)
}

/// Where the call is traced, the provider learns where its part belongs.
fn trace(held: &Held, headers: &mut HeaderMap) {
    let routed = &held.limited.routed;
    let inspected = &routed.inspected;
    if let Some(trace) = inspected.record.trace() {
        let model = routed.route.upstream.as_ref();
        let model = model.unwrap_or(&inspected.facts.model);
        trace.sends(model, inspected.facts.is_stream, headers);
    }
}

/// What one request to a provider led to.
enum Outcome {
    Answered(ReplyKind),
    Refused(Refused),
    Failed(Refusal, Ending),
}

/// Sent, and whatever it cost is not known here.
const RAN: Ending = Ending::Ran {
    usage: None,
    delivered: 0,
};

/// A client that leaves while nothing is connected yet leaves nothing to pay for.
async fn ask(
    upstream: &Upstream,
    held: &mut Held,
    headers: HeaderMap,
    adds_usage: bool,
) -> Outcome {
    let patience = held.limited.routed.route.provider.first_byte_timeout;
    let request = outgoing(held, headers, adds_usage);
    let was_sent = held.hold.is_sent();
    let sending = upstream.send(request, |is_taken| held.set_sent(was_sent || is_taken));
    let response = match tokio::time::timeout(patience, sending).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return unanswered(error),
        Err(_) if held.hold.is_sent() => return Outcome::Failed(Refusal::UpstreamTimeout, RAN),
        Err(_) => return Outcome::Failed(Refusal::UpstreamUnreachable, Ending::NeverSent),
    };
    killpoint::reach(Killpoint::Headers);
    if response.status().is_success() {
        return success(response)
            .map_or_else(|refusal| Outcome::Failed(refusal, RAN), Outcome::Answered);
    }
    Outcome::Refused(Box::pin(Refused::read(response)).await)
}

fn reply(held: Held, outcome: Outcome, hides_usage: bool) -> Result<Reply, Box<Failed>> {
    let (refusal, ending, said) = match outcome {
        Outcome::Answered(kind) => {
            return Ok(Reply {
                held,
                kind,
                hides_usage,
            });
        }
        Outcome::Refused(refused) => {
            let said = refused.said();
            match refused.meaning(&held.limited.routed.route.provider) {
                Ok(response) => {
                    return Ok(Reply {
                        held,
                        kind: ReplyKind::Refused(response),
                        hides_usage: false,
                    });
                }
                Err(refusal) => (refusal, Ending::Refused, said),
            }
        }
        Outcome::Failed(refusal, ending) => (refusal, ending, Bytes::new()),
    };
    Err(Box::new(Failed {
        held,
        refusal,
        ending,
        said,
    }))
}

fn outgoing(held: &Held, headers: HeaderMap, adds_usage: bool) -> Request<Bytes> {
    let routed = &held.limited.routed;
    let body = body::outgoing(routed, adds_usage, held.hold.shrunk_cap());
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = routed.route.provider.uri(routed.inspected.endpoint).clone();
    *request.headers_mut() = headers;
    request
}

/// The shapes that a success may have. A coding we cannot read through would lose the usage.
fn success(response: Response<UpstreamBody>) -> Result<ReplyKind, Refusal> {
    let headers = response.headers();
    let has_body = !matches!(response.status().as_u16(), 204..=206);
    if !has_body || is_encoded(headers) {
        return Err(Refusal::UpstreamInvalidResponse);
    }
    let media_type = media_type(headers);
    if media_type.eq_ignore_ascii_case("application/json") || media_type.is_empty() {
        Ok(ReplyKind::Whole(response))
    } else if media_type.eq_ignore_ascii_case("text/event-stream") {
        Ok(ReplyKind::Stream(response))
    } else {
        Err(Refusal::UpstreamInvalidResponse)
    }
}

/// Whether a body is in some coding. Servers say `none` to keep what stands before them from compressing.
fn is_encoded(headers: &HeaderMap) -> bool {
    const PLAIN: [&str; 3] = ["identity", "none", ""];
    let is_plain = |coding: &[u8]| {
        PLAIN
            .iter()
            .any(|name| coding.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.any(|coding| !is_plain(coding.as_bytes()))
}

fn media_type(headers: &HeaderMap) -> &str {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim()
}

fn is_about_stream_options(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(refused) if refused.names_stream_options())
}

fn unanswered(error: SendError) -> Outcome {
    match error {
        SendError::NotSent => Outcome::Failed(Refusal::UpstreamUnreachable, Ending::NeverSent),
        SendError::Broken => Outcome::Failed(Refusal::UpstreamUnreachable, RAN),
        SendError::Senseless => Outcome::Failed(Refusal::UpstreamInvalidResponse, RAN),
    }
}
