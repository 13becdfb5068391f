//! Sends spans to the collector, a batch at a time, as OTLP over HTTP. What it does not take is tried
//! again for half a minute and then dropped; meanwhile calls gather in the queue, as many as fit.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use prost::Message;
use tokio_util::sync::CancellationToken;

use super::otlp::{
    ExportRequest, ExportResponse, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Value,
};
use super::queue::{BATCH, Queue, Waiting};
use super::span::{spans, value};
use crate::metrics::Metrics;
use crate::upstream::Upstream;

/// For the answer to a batch.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A batch is dropped rather than tried again after such a pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// How long the end of the process waits for the last spans.
const LAST: Duration = Duration::from_secs(3);
const LARGEST_ANSWER: usize = 64 * 1024;

/// See the module.
pub struct Exporter {
    uri: Uri,
    resource: Resource,
    queue: Arc<Queue>,
    upstream: Arc<Upstream>,
    metrics: Arc<Metrics>,
    is_failing: bool,
}

/// Why a batch was not taken.
enum Failure {
    Unreachable,
    Late,
    Refused(StatusCode),
}

impl Exporter {
    pub(super) fn new(
        uri: Uri,
        queue: &Arc<Queue>,
        upstream: &Arc<Upstream>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            uri,
            resource: Resource::of_process(),
            queue: Arc::clone(queue),
            upstream: Arc::clone(upstream),
            metrics: Arc::clone(metrics),
            is_failing: false,
        }
    }

    /// Sends what ends until `stop`, then what is left, for as long as that is worth waiting for.
    pub async fn run(mut self, stop: CancellationToken) {
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            () = self.send_all(&stop) => {}
            () = late => tracing::warn!("the last spans were not sent: the collector does not take them"),
        }
    }

    async fn send_all(&mut self, stop: &CancellationToken) {
        let mut is_last = false;
        while !is_last {
            is_last = self.queue.due(stop).await;
            let calls = self.queue.take();
            for batch in calls.chunks(BATCH) {
                self.deliver(batch, stop).await;
            }
        }
    }

    /// Sends `batch`, or drops it once there is no sense in trying on.
    async fn deliver(&mut self, batch: &[Waiting], stop: &CancellationToken) {
        let body = Bytes::from(self.request(batch).encode_to_vec());
        let count: u64 = batch.iter().map(Waiting::spans).sum();
        let mut pause = FIRST_PAUSE;
        loop {
            // At the end of the process there is no time for another try.
            let is_last = pause > LONGEST_PAUSE || stop.is_cancelled();
            match self.post(body.clone()).await {
                Ok(rejected) => return self.delivered(count, rejected),
                Err(failure) => {
                    self.failed(&failure);
                    if is_last || !failure.may_pass() {
                        self.metrics.spans.dropped.inc_by(count);
                        return;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
            pause *= 2;
        }
    }

    fn request(&self, batch: &[Waiting]) -> ExportRequest {
        let scope = Scope {
            name: "tollgate".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        ExportRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope),
                    spans: batch.iter().flat_map(spans).collect(),
                }],
            }],
        }
    }

    /// How many spans the collector rejected.
    async fn post(&self, body: Bytes) -> Result<u64, Failure> {
        let mut request = Request::post(self.uri.clone())
            .body(body)
            .map_err(|_| Failure::Unreachable)?;
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        request.headers_mut().insert(CONTENT_TYPE, protobuf);
        let asking = async {
            let answer = self
                .upstream
                .send(request, drop)
                .await
                .map_err(|_| Failure::Unreachable)?;
            let status = answer.status();
            // Also so that the connection can be used again.
            let body = Limited::new(answer.into_body(), LARGEST_ANSWER)
                .collect()
                .await;
            if !status.is_success() {
                return Err(Failure::Refused(status));
            }
            Ok(body.map_or(0, |body| rejected(&body.to_bytes())))
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .unwrap_or(Err(Failure::Late))
    }

    fn delivered(&mut self, count: u64, rejected: u64) {
        let rejected = rejected.min(count);
        self.metrics.spans.sent.inc_by(count - rejected);
        self.metrics.spans.dropped.inc_by(rejected);
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("traces are sent again");
        }
    }

    fn failed(&mut self, failure: &Failure) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(collector = %self.uri, %failure, "traces cannot be sent; calls go on, and spans that wait too long are dropped");
        }
    }
}

impl Failure {
    /// Whether the same batch may be taken later (OTLP, "retryable response codes").
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable | Self::Late => true,
            Self::Refused(status) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("it was not reached, or the connection broke"),
            Self::Late => f.write_str("it did not answer in time"),
            Self::Refused(status) => write!(f, "it answered {status}"),
        }
    }
}

impl Resource {
    fn of_process() -> Self {
        let mut random = [0; 16];
        // Without randomness, processes just cannot be told apart.
        let _ = getrandom::fill(&mut random);
        let instance = uuid::Builder::from_random_bytes(random).into_uuid();
        let text = |key, text: &str| value(key, Value::Text(text.to_owned()));
        let attributes: Vec<KeyValue> = vec![
            text("service.name", "tollgate"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &instance.to_string()),
        ];
        Self { attributes }
    }
}

/// What an answer says was not taken; one that cannot be read says nothing.
fn rejected(body: &[u8]) -> u64 {
    let answer = ExportResponse::decode(body).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    u64::try_from(partial.rejected_spans).unwrap_or_default()
}
