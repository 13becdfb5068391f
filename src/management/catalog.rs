//! What can be called: names for everybody who is signed in, and how providers do for operators.

use serde::Serialize;

use super::{Management, Signed};
use crate::domain::time::Timestamp;
use crate::metrics::Health;

/// A provider.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Provider)]
pub struct ProviderView {
    /// Its name in the configuration.
    pub name: String,
    /// How it does; null for whoever is no operator.
    pub health: Option<HealthView>,
}

/// How a provider did, as the process that answers saw it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProviderHealth)]
pub struct HealthView {
    /// When it last answered a call; null if it has not since the start.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Timestamp>,
    /// When it last failed; null if it has not since the start.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_failure_at: Option<Timestamp>,
    /// Calls of the last 15 minutes.
    pub calls: u64,
    /// Those that it failed.
    pub failures: u64,
    /// The share that it failed, from 0 to 1; null without calls.
    pub error_rate: Option<f64>,
}

/// A model that can be called.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Model)]
pub struct ModelView {
    /// As clients name it.
    pub name: String,
    /// Who serves it.
    pub provider: String,
}

impl Management {
    /// All providers, in the order of the configuration.
    pub fn providers(&self, signed: &Signed) -> Vec<ProviderView> {
        let now = self.now();
        let providers = self.catalog.providers().into_iter();
        let views = providers.map(|provider| {
            let health = signed.is_operator.then(|| {
                let health = self.metrics.calls.health.of(&provider.name);
                HealthView::of(health, now)
            });
            let name = provider.name.to_string();
            ProviderView { name, health }
        });
        views.collect()
    }

    /// The models that can be listed, by name. Patterns of providers may allow more.
    pub fn models(&self, _: &Signed) -> Vec<ModelView> {
        let names = self.catalog.names().into_iter();
        let views = names.map(|(name, provider)| ModelView {
            name,
            provider: provider.to_string(),
        });
        views.collect()
    }
}

impl HealthView {
    fn of(health: Health, now: Timestamp) -> Self {
        Self {
            last_success_at: health.succeeded.map(|ago| now.minus(ago)),
            last_failure_at: health.failed.map(|ago| now.minus(ago)),
            calls: health.calls,
            failures: health.failures,
            error_rate: rate(health),
        }
    }
}

fn rate(health: Health) -> Option<f64> {
    // A rate of counts of a quarter of an hour: a u32 holds them.
    let count = |number| u32::try_from(number).map_or(f64::from(u32::MAX), f64::from);
    (health.calls > 0).then(|| count(health.failures) / count(health.calls))
}
