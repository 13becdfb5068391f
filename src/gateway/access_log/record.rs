//! What the stages learn about a call, for its one log line: identifiers and numbers, never content.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode};
use parking_lot::Mutex;

use crate::cache::Caller;
use crate::domain::tenant::{CallId, ID_TEXT};
use crate::domain::usage::Charge;
use crate::metrics::{Metrics, Observation};
use crate::traces::{Ended, Trace};

/// Facts about one call, filled in by the stages as they learn them.
pub struct Record {
    id: HeaderValue,
    route: &'static str,
    started: Instant,
    trace: Option<Box<Trace>>,
    facts: Mutex<Facts>,
}

#[derive(Default)]
struct Facts {
    caller: Option<Arc<Caller>>,
    model: Option<Arc<str>>,
    provider: Option<Arc<str>>,
    status: Option<StatusCode>,
    code: Option<&'static str>,
    charge: Option<Charge>,
    first_byte: Option<Duration>,
    outcome: Outcome,
}

impl Facts {
    /// What a trace tells of them.
    fn ended(&self, route: &'static str, duration: Duration) -> Ended {
        Ended {
            route,
            status: self.status.map(|status| status.as_u16()),
            code: self.code,
            caller: self.caller.clone(),
            provider: self.provider.clone(),
            charge: self.charge,
            first_byte: self.first_byte,
            duration,
            outcome: self.outcome.name(),
        }
    }
}

/// How the answer's body ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The client left before it.
    #[default]
    ClientLeft,
    /// It was sent to its end.
    Complete,
    /// It was cut by a failure.
    Cut,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::ClientLeft => "ClientLeft",
            Self::Complete => "Complete",
            Self::Cut => "Cut",
        }
    }
}

/// The line, written when it is dropped: by the end of the body or by whatever prevented one. The
/// call is counted at the same moment.
pub struct Line {
    record: Arc<Record>,
    metrics: Arc<Metrics>,
}

impl Record {
    pub(super) fn new(
        id: CallId,
        route: &'static str,
        started: Instant,
        trace: Option<Box<Trace>>,
    ) -> Self {
        Self {
            id: header(id),
            route,
            started,
            trace,
            facts: Mutex::default(),
        }
    }

    /// The call's id, as its answer names it.
    pub(super) fn id(&self) -> &HeaderValue {
        &self.id
    }

    /// Its trace, if it is traced.
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_deref()
    }

    /// The key proved right.
    pub fn caller(&self, caller: &Arc<Caller>) {
        self.facts.lock().caller = Some(Arc::clone(caller));
    }

    /// The call was routed.
    pub fn route(&self, model: &Arc<str>, provider: &Arc<str>) {
        let mut facts = self.facts.lock();
        facts.model = Some(Arc::clone(model));
        facts.provider = Some(Arc::clone(provider));
    }

    /// The call was refused, or failed with this code.
    pub fn refused(&self, code: &'static str) {
        self.facts.lock().code = Some(code);
    }

    /// The first byte of the provider's answer arrived.
    pub fn first_byte(&self, after: Duration) {
        self.facts.lock().first_byte.get_or_insert(after);
    }

    /// The ledger settled it.
    pub fn settled(&self, charge: &Charge) {
        self.facts.lock().charge = Some(*charge);
    }

    /// Whether it reached the ledger.
    pub fn is_settled(&self) -> bool {
        self.facts.lock().charge.is_some()
    }

    pub(super) fn answered(&self, status: StatusCode) {
        self.facts.lock().status = Some(status);
    }

    pub(super) fn ended(&self, outcome: Outcome) {
        self.facts.lock().outcome = outcome;
    }

    fn write(&self, metrics: &Metrics) {
        let facts = self.facts.lock();
        let duration = self.started.elapsed();
        metrics.calls.observe(&Observation {
            route: self.route,
            status: facts.status.map(|status| status.as_u16()),
            code: facts.code,
            served: facts.provider.as_deref().zip(facts.model.as_deref()),
            charge: facts.charge.as_ref(),
            first_byte: facts.first_byte,
            duration,
        });
        let trace = self.trace();
        if let Some(trace) = trace {
            trace.end(facts.ended(self.route, duration));
        }
        let charge = facts.charge.as_ref();
        let caller = facts.caller.as_deref();
        let (mut organisation, mut key) = ([0; ID_TEXT], [0; ID_TEXT]);
        tracing::event!(
            target: "tollgate::access",
            tracing::Level::INFO,
            {
                call.id = self.id.to_str().unwrap_or_default(),
                http.route = self.route,
                http.status = facts.status.map(|status| status.as_u16()),
                error.code = facts.code,
                organisation.id = caller.map(|caller| caller.organisation_id.write(&mut organisation)),
                key.id = caller.map(|caller| caller.key_id.write(&mut key)),
                call.model = facts.model.as_deref(),
                call.provider = facts.provider.as_deref(),
                tokens.input = charge.map(|charge| charge.usage.input),
                tokens.output = charge.map(|charge| charge.usage.output),
                tokens.charged = charge.map(|charge| charge.tokens),
                tokens.source = charge.map(|charge| charge.source.name()),
                first_byte_ms = facts.first_byte.map(millis),
                duration_ms = millis(duration),
                outcome = facts.outcome.name(),
                trace_id = trace.map(|trace| display(trace.id())),
                span_id = trace.map(|trace| display(trace.span_id())),
            },
            "call"
        );
    }
}

impl Line {
    pub(super) fn new(record: &Arc<Record>, metrics: &Arc<Metrics>) -> Self {
        Self {
            record: Arc::clone(record),
            metrics: Arc::clone(metrics),
        }
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.record.write(&self.metrics);
    }
}

fn header(id: CallId) -> HeaderValue {
    let mut text = [0; ID_TEXT];
    HeaderValue::from_str(id.write(&mut text)).unwrap_or(HeaderValue::from_static(""))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
