//! The figures of runs: percentiles of calls, spreads over rounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds that half, and all but one in a hundred, stay below.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
}

impl Percentiles {
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let index = times.len().saturating_sub(1) * percent / 100;
            times
                .get(index)
                .map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        Self {
            p50: at(50),
            p99: at(99),
        }
    }
}

/// The smallest, the middle and the largest of a figure over all rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    /// `None` when no round has the figure.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let upper = values.get(values.len() / 2)?;
        let lower = values.get((values.len() - 1) / 2)?;
        Some(Self {
            min: *values.first()?,
            median: f64::midpoint(*lower, *upper),
            max: *values.last()?,
        })
    }
}

/// What one run of the load saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// Calls in the measured time.
    pub calls: u64,
    /// Calls answered with 200, warm-up and last ones included.
    pub answered: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    pub calls_per_second: f64,
    pub latency_us: Percentiles,
    pub first_byte_us: Percentiles,
    /// The shortest and the longest body.
    pub body_bytes: (usize, usize),
}

/// A count as a figure.
pub fn figure(count: u64) -> f64 {
    // Exact up to 4e9 calls, far beyond any run.
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
