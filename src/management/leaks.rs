//! Keys that leaked. Whoever finds one may end it, whoever they are: holding it is the proof. The answer
//! never tells whether there was such a key.

use std::net::IpAddr;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::{Management, Origin, Problem};
use crate::domain::audit::Author;
use crate::domain::key::SecretHash;
use crate::store::keys;

/// Reports a minute from one address.
const A_MINUTE: std::num::NonZeroU32 = std::num::NonZeroU32::new(60).unwrap();

/// Addresses remembered before those are forgotten that reported nothing lately.
const MOST: usize = 10_000;

/// How often each address reports.
pub struct Leaks(DefaultKeyedRateLimiter<IpAddr>);

impl Default for Leaks {
    fn default() -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(A_MINUTE)))
    }
}

impl Leaks {
    fn admit(&self, address: IpAddr) -> Result<(), Problem> {
        if self.0.len() > MOST {
            self.0.retain_recent();
        }
        let now = DefaultClock::default().now();
        let admitted = self.0.check_key(&network(address));
        admitted.map_err(|later| Problem::Throttled(later.wait_time_from(now)))
    }
}

impl Management {
    /// Disables the key `leaked`, if it is one that works.
    pub async fn revoke_leaked(&self, leaked: &str, origin: Origin) -> Result<(), Problem> {
        if let Some(address) = origin.address {
            self.leaks.admit(address)?;
        }
        let Some(secret) = SecretHash::of(leaked.trim().as_bytes()) else {
            return Ok(());
        };
        let act = origin.act(Author::Bearer, self.now());
        Ok(keys::revoke_leaked(&self.db, &secret, act).await?)
    }
}

/// Who has one address of IPv6 usually has the whole network of it.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_reports_much_has_to_wait_and_others_have_not() {
        let leaks = Leaks::default();
        let address = |text: &str| text.parse().unwrap();
        for _ in 0..60 {
            assert!(leaks.admit(address("2001:db8::1")).is_ok());
        }
        let refused = leaks.admit(address("2001:db8::2"));
        assert!(matches!(refused, Err(Problem::Throttled(wait)) if wait.as_secs() <= 1));
        assert!(leaks.admit(address("2001:db8:0:1::1")).is_ok());
        assert!(leaks.admit(address("10.0.0.1")).is_ok());
    }
}
