//! Traces over OTLP, for operators who follow a call through their services: nothing unless an endpoint
//! is configured, and never in a call's way. A traced call costs a look at its head and a place in a
//! bounded queue; what the collector does not take in time is dropped and counted. No span holds
//! content, a key or a credential.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};

use crate::config;
use crate::domain::tenant::CallId;
use crate::domain::time::Timestamp;
use crate::metrics::Metrics;
use crate::upstream::Upstream;

mod context;
mod exporter;
pub mod otlp;
mod queue;
mod span;

pub use exporter::Exporter;
pub use span::Ended;

use context::{Context, TRACEPARENT, TRACESTATE};
use queue::{Queue, Waiting};

/// Decides which calls are traced.
pub struct Tracer {
    /// Of the calls that bring no trace along.
    ratio: f64,
    queue: Arc<Queue>,
}

/// A call that is traced.
pub struct Trace {
    context: Context,
    call: CallId,
    at: Timestamp,
    started: Instant,
    asked: OnceLock<Asked>,
    queue: Arc<Queue>,
}

/// What a provider was asked.
#[derive(Clone)]
struct Asked {
    /// How long after the call came in.
    after: Duration,
    /// As the provider calls it.
    model: Arc<str>,
    is_stream: bool,
}

impl Tracer {
    /// What traces calls and what sends their spans, if `config` says where to.
    pub fn start(
        config: &config::Traces,
        upstream: &Arc<Upstream>,
        metrics: &Arc<Metrics>,
    ) -> Option<(Arc<Self>, Exporter)> {
        let queue = Arc::new(Queue::new(metrics));
        let exporter = Exporter::new(config.uri()?, &queue, upstream, metrics);
        let tracer = Self {
            ratio: config.ratio,
            queue,
        };
        Some((Arc::new(tracer), exporter))
    }

    /// The trace of `call`, whose head has `headers`; `None` if it is not to be traced.
    pub fn begin(&self, call: CallId, at: Timestamp, headers: &HeaderMap) -> Option<Box<Trace>> {
        let context = Context::begin(call, headers, self.ratio)?;
        Some(Box::new(Trace {
            context,
            call,
            at,
            started: Instant::now(),
            asked: OnceLock::new(),
            queue: Arc::clone(&self.queue),
        }))
    }
}

impl Trace {
    /// The trace's id as the log writes it.
    pub fn id(&self) -> String {
        format!("{:032x}", self.context.trace)
    }

    /// The id of the call's own span as the log writes it.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.context.span)
    }

    /// A provider is about to be asked for `model`, as it calls it, with `headers`: what it traces
    /// belongs under the call's second span.
    pub fn sends(&self, model: &Arc<str>, is_stream: bool, headers: &mut HeaderMap) {
        self.asked.get_or_init(|| Asked {
            after: self.started.elapsed(),
            model: Arc::clone(model),
            is_stream,
        });
        if let Ok(parent) = HeaderValue::try_from(self.context.traceparent()) {
            headers.insert(TRACEPARENT, parent);
        }
        if self.context.parent.is_none() {
            // What it says belongs to a trace that could not be read.
            headers.remove(TRACESTATE);
        }
    }

    /// The call is over.
    pub fn end(&self, ended: Ended) {
        self.queue.push(Waiting {
            context: self.context,
            call: self.call,
            at: self.at,
            asked: self.asked.get().cloned(),
            ended,
        });
    }
}
