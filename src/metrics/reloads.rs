//! Whether the configuration that was read last is in force.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// See the module.
pub struct Reloads {
    is_valid: Gauge,
}

impl Reloads {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let is_valid = Gauge::default();
        // Nothing starts with one that is not.
        is_valid.set(1);
        let valid = "1 if the configuration that was read last is in force, 0 if it has a mistake and the one before stays";
        registry.register("config_valid", valid, is_valid.clone());
        Self { is_valid }
    }

    /// Notes whether the configuration that was read again could be used.
    pub fn note(&self, is_valid: bool) {
        self.is_valid.set(i64::from(is_valid));
    }
}
