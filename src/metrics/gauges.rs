//! Figures that some part of the process knows anyway: looked up when they are read, never kept twice.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

type Look = Box<dyn Fn() -> i64 + Send + Sync>;

/// Gauges by name, each with the function that looks its value up.
#[derive(Default)]
pub struct Gauges(Vec<(&'static str, &'static str, Look)>);

impl Gauges {
    /// Adds `name`, which means `help` and stands at what `look` answers.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        help: &'static str,
        look: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        self.0.push((name, help, Box::new(look)));
        self
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for (name, help, look) in &self.0 {
            let gauge = ConstGauge::new(look());
            let metric =
                encoder.encode_descriptor(name, help, None, EncodeMetric::metric_type(&gauge))?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, ..)| name);
        f.debug_list().entries(names).finish()
    }
}
