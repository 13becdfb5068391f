//! Reads the body once, under a size limit and a deadline, and takes from it the few facts that the
//! later stages need. What is checked here is what is sent: the same bytes go upstream. A body that was
//! long in coming has its caller proved anew.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, request};
use tower::{Layer, Service};

use super::access_log::{Answering, Call, Record};
use super::answer::Answer;
use super::authenticate::{self, Known};
use super::capacity::Admitted;
use super::refusal::Refusal;
use crate::cache::{Caller, Callers};
use crate::domain::endpoint::Endpoint;
use crate::domain::tenant::CallId;
use crate::domain::time::Timestamp;
use crate::limiters::capacity::{Place, Weight};

mod facts;
mod fields;
mod parts;
mod read;
mod texts;

pub use facts::CallFacts;
pub use texts::{Text, texts};

/// A call whose body is read and understood. Boxed, because it goes from stage to stage.
pub struct Inspected {
    /// The call's id.
    pub id: CallId,
    /// When it came in.
    pub at: Timestamp,
    /// The same on the monotonic clock.
    pub started: Instant,
    /// Its head.
    pub head: request::Parts,
    /// Its log record.
    pub record: Arc<Record>,
    /// Who makes it.
    pub caller: Arc<Caller>,
    /// Where it goes.
    pub endpoint: Endpoint,
    /// Where it is counted.
    pub place: Place,
    /// The body as it came.
    pub body: Bytes,
    /// Its bytes count for as long as they are here.
    _weight: Weight,
    /// What it asks.
    pub facts: CallFacts,
}

/// How much of a body is taken, and for how long it is waited for.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// The most bytes.
    pub bytes: usize,
    /// From the head to the body's end.
    pub time: Duration,
}

/// A body that took no longer than this changes nothing about its caller.
const PROMPT: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Clone)]
pub struct InspectLayer(Arc<Callers>, Endpoint, BodyLimits);

/// See the module.
#[derive(Clone)]
pub struct Inspect<S> {
    callers: Arc<Callers>,
    endpoint: Endpoint,
    limits: BodyLimits,
    inner: S,
}

/// Inspects bodies of `endpoint`; who sends a slow one is asked of `callers` again.
pub fn layer(callers: &Arc<Callers>, endpoint: Endpoint, limits: BodyLimits) -> InspectLayer {
    InspectLayer(Arc::clone(callers), endpoint, limits)
}

impl<S> Layer<S> for InspectLayer {
    type Service = Inspect<S>;

    fn layer(&self, inner: S) -> Inspect<S> {
        Inspect {
            callers: Arc::clone(&self.0),
            endpoint: self.1,
            limits: self.2,
            inner,
        }
    }
}

impl<S> Service<Admitted> for Inspect<S>
where
    S: Service<Box<Inspected>, Response = Response<Answer>, Error = Refusal, Future: Send>
        + Clone
        + Send
        + 'static,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, admitted: Admitted) -> Answering {
        let (endpoint, limits) = (self.endpoint, self.limits);
        let callers = Arc::clone(&self.callers);
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let inspected = inspect(&callers, admitted, endpoint, limits).await?;
            inner.call(inspected).await
        })
    }
}

async fn inspect(
    callers: &Callers,
    admitted: Admitted,
    endpoint: Endpoint,
    limits: BodyLimits,
) -> Result<Box<Inspected>, Refusal> {
    let Admitted { known, place } = admitted;
    let Known { call, mut caller } = known;
    let Call {
        id,
        at,
        started,
        head,
        body,
        record,
    } = *call;
    check_media_type(&head.headers)?;
    let mut weight = place.weight();
    let asked = Instant::now();
    let body = take(&head.headers, body, limits, &mut weight).await?;
    if asked.elapsed() > PROMPT {
        let now = at.plus(started.elapsed());
        // Boxed, because a call seldom needs it and its future is large.
        caller = Box::pin(authenticate::again(callers, &caller, now)).await?;
    }
    let facts = CallFacts::read(&body, endpoint)?;
    Ok(Box::new(Inspected {
        id,
        at,
        started,
        head,
        record,
        caller,
        endpoint,
        place,
        body,
        _weight: weight,
        facts,
    }))
}

async fn take(
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
    weight: &mut Weight,
) -> Result<Bytes, Refusal> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if announced
        .and_then(|length| length.parse().ok())
        .is_some_and(|length: u64| length > limits.bytes as u64)
    {
        return Err(Refusal::RequestTooLarge(limits.bytes));
    }
    let reading = tokio::time::timeout(limits.time, read::whole(body, limits.bytes, weight));
    reading.await.map_err(|_| Refusal::RequestTimeout)?
}

/// An absent type is taken for JSON, as the largest provider does; a coding we do not undo is not.
fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    let is_json = headers.get(CONTENT_TYPE).is_none_or(is_json_type);
    if is_json && codings.into_iter().all(is_plain) {
        return Ok(());
    }
    Err(Refusal::UnsupportedMediaType)
}

fn is_json_type(value: &HeaderValue) -> bool {
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return true;
    }
    let essence = essence.to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/");
    subtype.is_some_and(|name| name == "json" || name.ends_with("+json"))
}
