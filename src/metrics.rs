//! Figures for operators, read by Prometheus from a listener of their own. Labels are bounded: routes,
//! codes, providers and models, never a tenant or a key. Each gateway has its own registry, so several
//! of them can run in one process.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

mod calls;
mod gauges;
mod health;
mod listener;
mod reloads;
mod spans;

pub use calls::{Calls, Observation};
pub use gauges::Gauges;
pub use health::{Health, Healths};
pub use listener::serve;
pub use reloads::Reloads;
pub use spans::Spans;

/// What this process counts.
pub struct Metrics {
    /// The calls it answered.
    pub calls: Calls,
    /// Whether its configuration is the one that was read last.
    pub reloads: Reloads,
    /// What became of its traces.
    pub spans: Spans,
    registry: Mutex<Registry>,
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("tollgate");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "This program", version);
        Arc::new(Self {
            calls: Calls::register(&mut registry),
            reloads: Reloads::register(&mut registry),
            spans: Spans::register(&mut registry),
            registry: Mutex::new(registry),
        })
    }

    /// Adds figures that are looked up whenever somebody reads the metrics.
    pub fn collect(&self, figures: impl Collector) {
        self.registry.lock().register_collector(Box::new(figures));
    }

    /// All figures in the `OpenMetrics` text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail; a figure that cannot be written ends the text early.
        let _ = encode(&mut text, &self.registry.lock());
        text
    }
}
