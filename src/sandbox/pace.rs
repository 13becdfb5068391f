//! How fast a model speaks: when each token of an answer is due, counted from the request.

use std::time::Duration;

/// The speed of one answer, with a small jitter that only depends on the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    first: Duration,
    step: Duration,
    seed: u32,
}

impl Pace {
    /// About 200 tokens a second after 80 ms for the fast model, 30 after 600 ms for the slow one.
    pub fn of(model: &str, seed: u32) -> Self {
        let (first, step) = match model {
            "sandbox-slow" => (600, 33_333),
            _ => (80, 5_000),
        };
        Self {
            first: Duration::from_millis(first),
            step: Duration::from_micros(step),
            seed,
        }
    }

    /// When token number `index` is due; never before the one ahead of it.
    pub fn due(&self, index: usize) -> Duration {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let jitter = self.step.saturating_mul(self.percent(index)) / 200;
        self.first + self.step.saturating_mul(index) + jitter
    }

    /// 0 to 99, so that a token is at most half a step late.
    fn percent(&self, index: u32) -> u32 {
        let mut hash = crc32fast::Hasher::new_with_initial(self.seed);
        hash.update(&index.to_le_bytes());
        hash.finalize() % 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_model_speaks_about_200_tokens_a_second() {
        let pace = Pace::of("sandbox-fast", 1);
        assert!((80..=83).contains(&pace.due(0).as_millis()));
        assert!((1080..=1083).contains(&pace.due(200).as_millis()));
    }

    #[test]
    fn the_slow_model_speaks_about_30_tokens_a_second() {
        let pace = Pace::of("sandbox-slow", 1);
        assert!((600..=617).contains(&pace.due(0).as_millis()));
        assert!((1599..=1617).contains(&pace.due(30).as_millis()));
    }

    #[test]
    fn tokens_never_overtake_each_other_and_jitter_follows_the_request() {
        let pace = Pace::of("sandbox-fast", 42);
        assert!((0..500).all(|i| pace.due(i) < pace.due(i + 1)));
        assert_eq!(pace.due(3), Pace::of("sandbox-fast", 42).due(3));
        assert!((0..9).any(|i| pace.due(i) != Pace::of("sandbox-fast", 43).due(i)));
    }
}
