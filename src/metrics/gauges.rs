//! Figures that some part of the process knows anyway: looked up when they are read, never kept twice.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Figures by name, each with the function that looks its value up.
#[derive(Default)]
pub struct Gauges(Vec<(&'static str, &'static str, Look)>);

enum Look {
    Gauge(Box<dyn Fn() -> i64 + Send + Sync>),
    /// It only grows.
    Counter(Box<dyn Fn() -> u64 + Send + Sync>),
}

impl Gauges {
    /// Adds `name`, which means `help` and stands at what `look` answers.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        help: &'static str,
        look: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        self.0.push((name, help, Look::Gauge(Box::new(look))));
        self
    }

    /// The same for what only grows.
    #[must_use]
    pub fn counting(
        mut self,
        name: &'static str,
        help: &'static str,
        look: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.0.push((name, help, Look::Counter(Box::new(look))));
        self
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for (name, help, look) in &self.0 {
            match look {
                Look::Gauge(look) => encode(&mut encoder, name, help, &ConstGauge::new(look()))?,
                Look::Counter(look) => {
                    encode(&mut encoder, name, help, &ConstCounter::new(look()))?;
                }
            }
        }
        Ok(())
    }
}

fn encode(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    figure: &impl EncodeMetric,
) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, figure.metric_type())?;
    figure.encode(metric)
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, ..)| name);
        f.debug_list().entries(names).finish()
    }
}
