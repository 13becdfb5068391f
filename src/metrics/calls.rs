//! Calls as they end: how many, how long, how many tokens. What a call adds to is found by one look-up
//! for its answer and one for its model.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Healths;
use super::health::Report;
use crate::domain::usage::{Charge, Source};

/// Models beyond this many are counted as `other`: their names are the clients', the memory is ours.
const MOST_MODELS: usize = 200;
const OTHER: &str = "other";
/// The codes that alerts are about. They are counted from the start: what appears with its first refusal
/// has not increased, as Prometheus sees it.
const ALERTED: [&str; 2] = ["overloaded", "upstream_unavailable"];
/// In seconds: from a refusal to a long stream.
const DURATIONS: [f64; 13] = [
    0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 300.0,
];

/// One call that ended.
pub struct Observation<'a> {
    /// The route's template.
    pub route: &'static str,
    /// The status that was answered; `None` if the client left before.
    pub status: Option<u16>,
    /// The code of the refusal or failure.
    pub code: Option<&'static str>,
    /// The provider and the model, if the call got that far.
    pub served: Option<(&'a str, &'a str)>,
    /// What it was charged, if it reached the ledger.
    pub charge: Option<&'a Charge>,
    /// From its start to the first byte of the provider's answer.
    pub first_byte: Option<Duration>,
    /// From its start to the end of its answer.
    pub duration: Duration,
}

/// See the module.
pub struct Calls {
    ended: Family<Answer, Counter>,
    refused: Family<Refused, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    models: Models,
    known: RwLock<Known>,
    /// How providers did.
    pub health: Arc<Healths>,
}

/// By provider and model.
type Known = HashMap<Box<str>, HashMap<Box<str>, Arc<Served>>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Model {
    provider: String,
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    provider: String,
    model: String,
    kind: &'static str,
}

/// The families that are labelled by model.
struct Models {
    tokens: Family<Tokens, Counter>,
    unreported: Family<Model, Counter>,
    first_bytes: Family<Model, Histogram, fn() -> Histogram>,
}

/// What a call of one model adds to.
struct Served {
    input: Counter,
    output: Counter,
    cached: Counter,
    unreported: Counter,
    first_byte: Histogram,
}

impl Calls {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let calls = Self {
            ended: Family::default(),
            refused: Family::default(),
            durations: Family::new_with_constructor(durations),
            models: Models::register(registry),
            known: RwLock::default(),
            health: Arc::new(Healths::new()),
        };
        let report = Report(Arc::clone(&calls.health));
        registry.register_collector(Box::new(report));
        let ended =
            "Calls that ended, by the status that was answered; 499 if the client left before";
        registry.register("calls", ended, calls.ended.clone());
        let refused = "Calls that were refused or failed, by the code of the error";
        registry.register("refusals", refused, calls.refused.clone());
        for code in ALERTED {
            drop(calls.refused.get_or_create(&Refused { code }));
        }
        let duration = "From the first byte of a call to the last byte of its answer";
        let seconds = Unit::Seconds;
        registry.register_with_unit("call_duration", duration, seconds, calls.durations.clone());
        calls
    }

    /// Counts a call.
    pub fn observe(&self, call: &Observation<'_>) {
        let (route, status) = (call.route, call.status.unwrap_or(499));
        self.ended.get_or_create(&Answer { route, status }).inc();
        let duration = self.durations.get_or_create(&Route { route });
        duration.observe(call.duration.as_secs_f64());
        if let Some(code) = call.code {
            self.refused.get_or_create(&Refused { code }).inc();
        }
        self.health.observe(call);
        if let (Some((provider, model)), Some(charge)) = (call.served, call.charge) {
            // A name that no provider took is worth no memory.
            let is_real = charge.source != Source::None;
            self.served(provider, if is_real { model } else { OTHER })
                .observe(charge, call.first_byte);
        }
    }

    fn served(&self, provider: &str, model: &str) -> Arc<Served> {
        let find = |known: &Known| known.get(provider)?.get(model).cloned();
        if let Some(served) = find(&self.known.read()) {
            return served;
        }
        let mut known = self.known.write();
        let count: usize = known.values().map(HashMap::len).sum();
        let model = if count < MOST_MODELS { model } else { OTHER };
        let models = known.entry(provider.into()).or_default();
        let served = models
            .entry(model.into())
            .or_insert_with(|| Arc::new(self.models.served(provider, model)));
        Arc::clone(served)
    }
}

impl Models {
    fn register(registry: &mut Registry) -> Self {
        let models = Self {
            tokens: Family::default(),
            unreported: Family::default(),
            first_bytes: Family::new_with_constructor(durations),
        };
        let tokens = "Tokens booked; cached ones are also among the input";
        registry.register("tokens", tokens, models.tokens.clone());
        let unreported =
            "Calls whose tokens the provider did not report, so that they are estimated";
        registry.register("calls_estimated", unreported, models.unreported.clone());
        let first_byte = "From the first byte of a call to the first byte of the provider's answer";
        let (seconds, family) = (Unit::Seconds, models.first_bytes.clone());
        registry.register_with_unit("time_to_first_byte", first_byte, seconds, family);
        models
    }

    fn served(&self, provider: &str, model: &str) -> Served {
        let (provider, model) = (provider.to_owned(), model.to_owned());
        let tokens = |kind| {
            let (provider, model) = (provider.clone(), model.clone());
            let labels = Tokens {
                provider,
                model,
                kind,
            };
            self.tokens.get_or_create_owned(&labels)
        };
        let (input, output, cached) = (tokens("input"), tokens("output"), tokens("cached"));
        let labels = Model { provider, model };
        Served {
            input,
            output,
            cached,
            unreported: self.unreported.get_or_create_owned(&labels),
            first_byte: self.first_bytes.get_or_create_owned(&labels),
        }
    }
}

impl Served {
    fn observe(&self, charge: &Charge, first_byte: Option<Duration>) {
        let count = |counter: &Counter, tokens: i64| {
            counter.inc_by(u64::try_from(tokens).unwrap_or_default());
        };
        count(&self.input, charge.usage.input);
        count(&self.output, charge.usage.output);
        count(&self.cached, charge.usage.cached_input);
        if charge.source == Source::Estimated {
            self.unreported.inc();
        }
        if let Some(after) = first_byte {
            self.first_byte.observe(after.as_secs_f64());
        }
    }
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

#[cfg(test)]
mod tests;
