//! The outermost stage: gives a call its id, turns refusals into answers, and writes exactly one
//! line and counts the call when the *body* ends, however it ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use futures_util::FutureExt;
use http::{HeaderName, Request, Response, request};
use tower::{Layer, Service};

use super::answer::Answer;
use super::refusal::Refusal;
use crate::domain::tenant::CallId;
use crate::domain::time::{Clock, Timestamp};
use crate::metrics::Metrics;
use crate::traces::Tracer;

mod logged_body;
mod record;

pub use logged_body::LoggedBody;
pub use record::Record;

/// The future of every stage: one box a stage.
pub type Answering = Pin<Box<dyn Future<Output = Result<Response<Answer>, Refusal>> + Send>>;

/// A request as it came in, with its id. Boxed, because it goes from stage to stage.
pub struct Call {
    /// The client's `x-request-id` and the ledger's event id.
    pub id: CallId,
    /// When it came in.
    pub at: Timestamp,
    /// The same on the monotonic clock, for durations.
    pub started: Instant,
    /// Its head.
    pub head: request::Parts,
    /// Its body, unread.
    pub body: Body,
    /// What the log line will say.
    pub record: Arc<Record>,
}

/// Builds [`AccessLog`]s for one route.
#[derive(Clone)]
pub struct AccessLogLayer {
    route: &'static str,
    clock: Clock,
    metrics: Arc<Metrics>,
    tracer: Option<Arc<Tracer>>,
}

/// See the module.
#[derive(Clone)]
pub struct AccessLog<S> {
    route: &'static str,
    clock: Clock,
    metrics: Arc<Metrics>,
    tracer: Option<Arc<Tracer>>,
    inner: S,
}

/// Logs calls to `route`, the template and never the path, which may hold a one-time link; those that
/// `tracer` chooses are traced too.
pub fn layer(
    route: &'static str,
    clock: &Clock,
    metrics: &Arc<Metrics>,
    tracer: Option<&Arc<Tracer>>,
) -> AccessLogLayer {
    AccessLogLayer {
        route,
        clock: clock.clone(),
        metrics: Arc::clone(metrics),
        tracer: tracer.cloned(),
    }
}

impl<S> Layer<S> for AccessLogLayer {
    type Service = AccessLog<S>;

    fn layer(&self, inner: S) -> AccessLog<S> {
        AccessLog {
            route: self.route,
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            tracer: self.tracer.clone(),
            inner,
        }
    }
}

impl<S> Service<Request<Body>> for AccessLog<S>
where
    S: Service<Box<Call>, Response = Response<Answer>, Error = Refusal, Future: Send + 'static>,
{
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = Call::new(
            request,
            self.route,
            self.clock.now(),
            self.tracer.as_deref(),
        );
        let line = record::Line::new(&call.record, &self.metrics);
        // A bug in one call must not take its connection along, nor the calls that share it.
        let answering = catch_unwind(AssertUnwindSafe(|| self.inner.call(call)));
        Box::pin(async move {
            let answer = match answering {
                Ok(answering) => AssertUnwindSafe(answering).catch_unwind().await,
                Err(panic) => Err(panic),
            };
            let answer = answer.unwrap_or(Err(Refusal::Internal));
            let answer = answer.unwrap_or_else(|refusal| {
                line.record().refused(refusal.code());
                refusal.respond()
            });
            Ok(finish(answer, line))
        })
    }
}

impl Call {
    fn new(
        request: Request<Body>,
        route: &'static str,
        at: Timestamp,
        tracer: Option<&Tracer>,
    ) -> Box<Self> {
        let (head, body) = request.into_parts();
        let (id, started) = (CallId::new(), Instant::now());
        let trace = tracer.and_then(|tracer| tracer.begin(id, at, &head.headers));
        let record = Arc::new(Record::new(id, route, started, trace));
        Box::new(Self {
            id,
            at,
            started,
            head,
            body,
            record,
        })
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Names the call in the answer and hands the log line to its body.
fn finish(answer: Response<Answer>, line: record::Line) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    line.record().answered(head.status);
    let id = line.record().id();
    head.headers.insert(X_REQUEST_ID, id.clone());
    head.headers.insert(REQUEST_ID, id.clone());
    Response::from_parts(head, Body::new(LoggedBody::new(body, line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_stage_is_an_internal_error_of_that_call_alone() {
        let buggy = tower::service_fn(|_: Box<Call>| async { panic!("a bug") });
        let mut stage = layer("/buggy", &Clock::default(), &Metrics::new(), None).layer(buggy);
        for _ in 0..2 {
            let answer = stage.call(Request::new(Body::empty())).await.unwrap();
            assert_eq!(answer.status(), 500);
            assert!(answer.headers().contains_key("x-request-id"));
        }
    }
}
