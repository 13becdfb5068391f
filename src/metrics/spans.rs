//! What became of the spans of traced calls.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// See the module.
pub struct Spans {
    /// Those that the collector took.
    pub sent: Counter,
    /// Those that it did not take in time, or rejected.
    pub dropped: Counter,
}

impl Spans {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let spans = Self {
            sent: Counter::default(),
            dropped: Counter::default(),
        };
        let sent = "Spans that the collector took";
        registry.register("spans_sent", sent, spans.sent.clone());
        let dropped = "Spans that were dropped because the collector did not take them";
        registry.register("spans_dropped", dropped, spans.dropped.clone());
        spans
    }
}
