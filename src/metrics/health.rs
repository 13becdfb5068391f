//! How providers did lately, as the calls of this process saw it: what operators look at when tenants
//! complain.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::Observation;

/// Rates are those of so many minutes, the present one included.
const MINUTES: u64 = 15;

/// How a provider did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How long ago it last answered a call; `None` if it never did.
    pub succeeded: Option<Duration>,
    /// How long ago it last failed; `None` if it never did.
    pub failed: Option<Duration>,
    /// Calls of the last 15 minutes that it answered or failed.
    pub calls: u64,
    /// Those that it failed.
    pub failures: u64,
}

/// See the module.
pub struct Healths {
    began: Instant,
    providers: Mutex<HashMap<Box<str>, Seen>>,
}

#[derive(Default)]
struct Seen {
    succeeded: Option<Instant>,
    failed: Option<Instant>,
    /// Since the start: calls that it answered and calls that it failed.
    counts: [u64; 2],
    minutes: [Minute; 15],
}

/// What was counted in a minute, the so-and-so-manieth of this process.
#[derive(Clone, Copy, Default)]
struct Minute {
    number: u64,
    calls: u64,
    failures: u64,
}

impl Healths {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            providers: Mutex::default(),
        }
    }

    /// Notes what a call says of its provider, if anything.
    pub(super) fn observe(&self, call: &Observation<'_>) {
        let Some((provider, _)) = call.served else {
            return;
        };
        let is_failure = match call.code {
            Some(code) if code.starts_with("upstream_") => true,
            None if call.charge.is_some() && call.status.is_some() => false,
            _ => return,
        };
        self.note(provider, is_failure, Instant::now());
    }

    /// How `provider` did.
    pub fn of(&self, provider: &str) -> Health {
        let now = Instant::now();
        let minute = self.minute(now);
        let providers = self.providers.lock();
        let seen = providers.get(provider);
        seen.map_or_else(Health::default, |seen| seen.health(now, minute))
    }

    fn note(&self, provider: &str, is_failure: bool, now: Instant) {
        let minute = self.minute(now);
        let mut providers = self.providers.lock();
        match providers.get_mut(provider) {
            Some(seen) => seen.note(is_failure, now, minute),
            None => providers
                .entry(provider.into())
                .or_default()
                .note(is_failure, now, minute),
        }
    }

    fn minute(&self, now: Instant) -> u64 {
        now.duration_since(self.began).as_secs() / 60
    }
}

/// Writes them for whoever reads the metrics. Providers are the configuration's, so they are few.
#[derive(Clone)]
pub(super) struct Report(pub(super) Arc<Healths>);

impl Collector for Report {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let providers = self.0.providers.lock();
        if providers.is_empty() {
            return Ok(());
        }
        let help = "Calls that a provider answered or failed, as this process saw it";
        let mut family =
            encoder.encode_descriptor("provider_calls", help, None, MetricType::Counter)?;
        for (provider, seen) in providers.iter() {
            for (outcome, count) in ["answered", "failed"].into_iter().zip(seen.counts) {
                let labels = [("provider", &**provider), ("outcome", outcome)];
                let metric = family.encode_family(&labels)?;
                ConstCounter::new(count).encode(metric)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}

impl Seen {
    fn note(&mut self, is_failure: bool, now: Instant, number: u64) {
        let last = if is_failure {
            &mut self.failed
        } else {
            &mut self.succeeded
        };
        *last = Some(now);
        let [answers, failures] = &mut self.counts;
        *(if is_failure { failures } else { answers }) += 1;
        let place = usize::try_from(number % MINUTES).unwrap_or_default();
        let Some(minute) = self.minutes.get_mut(place) else {
            return;
        };
        if minute.number != number {
            *minute = Minute {
                number,
                ..Minute::default()
            };
        }
        minute.calls += 1;
        minute.failures += u64::from(is_failure);
    }

    fn health(&self, now: Instant, number: u64) -> Health {
        let lately = self.minutes.iter();
        let lately = lately.filter(|minute| minute.number + MINUTES > number);
        let (calls, failures) = lately.fold((0, 0), |(calls, failures), minute| {
            (calls + minute.calls, failures + minute.failures)
        });
        let ago = |at: Option<Instant>| at.map(|at| now.duration_since(at));
        Health {
            succeeded: ago(self.succeeded),
            failed: ago(self.failed),
            calls,
            failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_minutes() {
        let healths = Healths::new();
        let at = |minutes: u64| healths.began + Duration::from_mins(minutes);
        healths.note("openai", true, at(0));
        healths.note("openai", false, at(10));
        let seen = |minutes| {
            let providers = healths.providers.lock();
            let health = providers["openai"].health(at(minutes), minutes);
            (health.calls, health.failures)
        };
        assert_eq!(seen(10), (2, 1));
        assert_eq!(seen(15), (1, 0), "the failure is long ago");
        assert_eq!(seen(40), (0, 0));
        healths.note("openai", true, at(40));
        assert_eq!(seen(40), (1, 1));
        assert_eq!(healths.of("other"), Health::default());
    }
}
