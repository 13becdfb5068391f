//! Wraps the provider's answer and settles the call: exactly once, whatever happens, and before the
//! client can see the end. A call whose client left goes on, if it has to, as the future it already
//! is: on the normal path there is no task, no channel and no copy.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Response, response};
use tower::{Layer, Service};

use super::answer::Answer;
use super::forward::{Failed, Reply, ReplyKind, to_client};
use super::quota::Held;
use super::refusal::Refusal;
use crate::config::OnDisconnect;
use crate::domain::usage::Ending;
use crate::ledger::{Keeping, Unavailable};
use crate::lifecycle::Lifecycle;

mod body;
mod detached;
mod joined;
mod large;
mod scanner;
mod tab;
mod unattended;
mod usage;
mod whole;

pub use body::MeteredBody;
pub use large::LargeBody;

use detached::Detached;
use tab::Tab;

/// How long a call without a client may go on.
const PATIENCE: Duration = Duration::from_mins(10);
/// The same for a stream, which `on_disconnect = "drain"` reads on.
const DRAIN: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Clone)]
pub struct MeterLayer(Arc<Lifecycle>);

/// See the module.
#[derive(Clone)]
pub struct Meter<S> {
    lifecycle: Arc<Lifecycle>,
    inner: S,
}

/// Meters answers; what has to go on without its client goes on in `lifecycle`.
pub fn layer(lifecycle: &Arc<Lifecycle>) -> MeterLayer {
    MeterLayer(Arc::clone(lifecycle))
}

impl<S> Layer<S> for MeterLayer {
    type Service = Meter<S>;

    fn layer(&self, inner: S) -> Meter<S> {
        Meter {
            lifecycle: Arc::clone(&self.0),
            inner,
        }
    }
}

impl<S> Service<Held> for Meter<S>
where
    S: Service<Held, Response = Reply, Error = Box<Failed>, Future: Send + 'static>,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Detached;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx).map_err(|_| Refusal::Internal)
    }

    fn call(&mut self, held: Held) -> Detached {
        let patience = patience(&held);
        let lifecycle = Arc::clone(&self.lifecycle);
        let forwarding = self.inner.call(held);
        let metering = Box::pin(async move {
            match forwarding.await {
                Ok(reply) => meter(reply, lifecycle).await,
                Err(failed) => Err(settle_failure(*failed).await),
            }
        });
        Detached::new(metering, patience, &self.lifecycle)
    }
}

/// How long the call goes on once its client has left; `None` cancels it.
fn patience(held: &Held) -> Option<Duration> {
    let (inspected, route) = (&held.limited.routed.inspected, &held.limited.routed.route);
    let on_disconnect = route.provider.on_disconnect(route.facts.reasoning);
    match (inspected.facts.is_stream, on_disconnect) {
        (false, _) => Some(PATIENCE),
        (true, OnDisconnect::Drain) => Some(DRAIN),
        (true, OnDisconnect::Cancel) => None,
    }
}

async fn meter(reply: Reply, lifecycle: Arc<Lifecycle>) -> Result<Response<Answer>, Refusal> {
    let patience = patience(&reply.held);
    let hides_usage = reply.hides_usage;
    let overrun = overrun(&reply.held);
    let tab = Tab::new(reply.held);
    match reply.kind {
        ReplyKind::Stream(response) => {
            let (head, body) = response.into_parts();
            let patience = patience.filter(|_| tab.is_stream());
            let metered = MeteredBody::new(body, tab, hides_usage, overrun, patience, lifecycle);
            Ok(answer(head, Answer::Metered(Box::new(metered))))
        }
        ReplyKind::Whole(response) => whole::meter(response, tab, PATIENCE, lifecycle).await,
        ReplyKind::Refused(response) => pass_refusal(response, tab).await,
    }
}

/// Output tokens at which a stream is cut: far more than it was allowed, where the provider was told
/// what it is allowed. `None` where it was not.
fn overrun(held: &Held) -> Option<i64> {
    let facts = &held.limited.routed.inspected.facts;
    let told = held.hold.shrunk_cap().or(facts.cap)?;
    Some(
        told.saturating_mul(facts.choices)
            .saturating_mul(4)
            .saturating_add(4096),
    )
}

/// Waits until the record of an ended call is safe, where that takes time.
async fn kept(keeping: Option<Keeping>) -> Result<(), Refusal> {
    match keeping {
        Some(keeping) => keeping.await.map_err(|Unavailable| Refusal::Unrecorded),
        None => Ok(()),
    }
}

async fn settle_failure(failed: Failed) -> Refusal {
    let Failed {
        held,
        refusal,
        ending,
        said,
    } = failed;
    let ending = match ending {
        Ending::Refused => refused(&said),
        other => other,
    };
    match kept(Tab::new(held).fail(ending, &refusal)).await {
        Ok(()) => refusal,
        Err(unrecorded) => unrecorded,
    }
}

/// The provider's own words about the client's request.
async fn pass_refusal(
    response: Response<bytes::Bytes>,
    tab: Tab,
) -> Result<Response<Answer>, Refusal> {
    let (head, body) = response.into_parts();
    kept(tab.settle(refused(&body), head.status.as_u16())).await?;
    Ok(answer(head, Answer::full(body)))
}

/// A refusal costs nothing, unless the provider `said` what it used.
fn refused(said: &[u8]) -> Ending {
    let usage = usage::of_document(said).and_then(|document| document.usage);
    match usage {
        Some(_) => Ending::Ran {
            usage,
            delivered: 0,
        },
        None => Ending::Refused,
    }
}

/// The head of an answer as the client gets it.
fn answer(provider: response::Parts, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = provider.status;
    *response.headers_mut() = to_client(provider.headers);
    if matches!(response.body(), Answer::Metered(_)) {
        let headers = response.headers_mut();
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        );
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    } else {
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
