//! How often someone may try to prove who they are. Wrong passwords count for the account and for the
//! address they come from; after a few, each next try has to wait, longer and longer, a minute at
//! most. Who signed in from an address before is counted apart, so that strangers who guess do not
//! keep them out.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use parking_lot::Mutex;
use quick_cache::unsync::Cache;

use super::Problem;
use crate::domain::time::Timestamp;

mod noted;

use noted::Noted;

/// Wrong passwords that cost no waiting, and the same for an address, which many people may share.
const FREE: u32 = 5;
const FREE_OF_ADDRESS: u32 = 20;

/// The longest wait.
const LONGEST: Duration = Duration::from_mins(1);

/// What happened so long ago is forgotten.
const MEMORY: Duration = Duration::from_hours(1);

/// What is remembered at once; who fails often stays longest.
const MOST: usize = 50_000;

/// Counts wrong passwords.
pub struct Throttle {
    failures: Mutex<Cache<Subject, Failures>>,
    noted: Noted,
}

/// How a failed try left an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Wrong passwords in a row, this one included.
    pub count: u32,
    /// How long the next try has to wait.
    pub wait: Duration,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    /// An e-mail address, whether it is anybody's or not.
    Account(String),
    /// From where, by the network where that is one machine's.
    Address(IpAddr),
    /// An account from where it is at home.
    Home(String, IpAddr),
}

/// Everything that one try counts for.
pub struct Tries(Vec<Subject>);

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            failures: Mutex::new(Cache::new(MOST)),
            noted: Noted::default(),
        }
    }
}

impl Tries {
    /// Tries of `email` from `address`, where it is at home or not.
    pub fn of(email: &str, address: Option<IpAddr>, is_home: bool) -> Self {
        let (email, address) = (email.to_owned(), network(address));
        Self(if is_home {
            vec![Subject::Home(email, address)]
        } else {
            vec![Subject::Account(email), Subject::Address(address)]
        })
    }
}

impl Throttle {
    /// Fails if the next try has to wait.
    pub fn check(&self, tries: &Tries, now: Timestamp) -> Result<(), Problem> {
        let failures = self.failures.lock();
        let waits = tries.0.iter().filter_map(|subject| {
            let free_at = failures.get(subject)?.free_at(subject);
            Some(free_at.since(now))
        });
        match waits.max() {
            Some(wait) if !wait.is_zero() => Err(Problem::Throttled(wait)),
            _ => Ok(()),
        }
    }

    /// Counts a wrong password; how that leaves its account.
    pub fn failed(&self, tries: &Tries, now: Timestamp) -> Failed {
        let mut failed = Failed {
            count: 0,
            wait: Duration::ZERO,
        };
        let mut failures = self.failures.lock();
        for subject in &tries.0 {
            let mut counted = failures.get(subject).copied().unwrap_or_default();
            if now.since(counted.last) > MEMORY {
                counted.count = 0;
            }
            counted.count = counted.count.saturating_add(1);
            counted.last = now;
            failures.insert(subject.clone(), counted);
            failed.wait = failed.wait.max(counted.free_at(subject).since(now));
            if !matches!(subject, Subject::Address(_)) {
                failed.count = counted.count;
            }
        }
        failed
    }

    /// Whether a failed try is to be written down, and how many were not since the last that was.
    pub fn note(&self, failed: Failed, now: Timestamp) -> Option<u64> {
        self.noted.admit(failed.count, now)
    }

    /// Forgets what an account did wrong. An address stays counted: who has an account of their own
    /// would guess at others' for free.
    pub fn succeeded(&self, tries: &Tries) {
        let mut failures = self.failures.lock();
        for subject in &tries.0 {
            if !matches!(subject, Subject::Address(_)) {
                failures.remove(subject);
            }
        }
    }
}

impl Failures {
    fn free_at(self, subject: &Subject) -> Timestamp {
        let free = match subject {
            Subject::Address(_) => FREE_OF_ADDRESS,
            Subject::Account(_) | Subject::Home(..) => FREE,
        };
        let Some(paid) = self.count.checked_sub(free) else {
            return self.last;
        };
        let wait = Duration::from_secs(1 << paid.min(6));
        self.last.plus(wait.min(LONGEST))
    }
}

/// Who has one address of IPv6 usually has the whole network of it.
fn network(address: Option<IpAddr>) -> IpAddr {
    match address {
        None => Ipv4Addr::UNSPECIFIED.into(),
        Some(IpAddr::V4(address)) => address.into(),
        Some(IpAddr::V6(address)) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_700_000_000_000_000);

    fn tries(email: &str, address: &str, is_home: bool) -> Tries {
        Tries::of(email, Some(address.parse().unwrap()), is_home)
    }

    fn wait(throttle: &Throttle, tries: &Tries, now: Timestamp) -> u64 {
        match throttle.check(tries, now) {
            Err(Problem::Throttled(wait)) => wait.as_secs(),
            _ => 0,
        }
    }

    #[test]
    fn each_next_try_waits_longer_and_never_for_good() {
        let (throttle, mut now) = (Throttle::default(), START);
        let guess = tries("ann@example.com", "10.0.0.1", false);
        let mut waits = Vec::new();
        for _ in 0..14 {
            let waited = wait(&throttle, &guess, now);
            waits.push(waited);
            now = now.plus(Duration::from_secs(waited));
            throttle.failed(&guess, now);
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(wait(&throttle, &guess, now.plus(MEMORY)), 0);
    }

    #[test]
    fn guesses_from_everywhere_count_for_the_account_but_not_at_its_home() {
        let throttle = Throttle::default();
        for host in 1..=50 {
            throttle.failed(
                &tries("ann@example.com", &format!("10.0.0.{host}"), false),
                START,
            );
        }
        let elsewhere = tries("ann@example.com", "10.9.9.9", false);
        assert_eq!(wait(&throttle, &elsewhere, START), 60);
        let at_home = tries("ann@example.com", "10.0.0.1", true);
        assert_eq!(wait(&throttle, &at_home, START), 0);
        let other = tries("bob@example.com", "10.9.9.9", false);
        assert_eq!(wait(&throttle, &other, START), 0);
    }

    #[test]
    fn guesses_at_everybody_count_for_the_address_even_beside_successes() {
        let throttle = Throttle::default();
        for user in 0..30 {
            throttle.failed(
                &tries(&format!("{user}@example.com"), "2001:db8::1", false),
                START,
            );
            throttle.succeeded(&tries("own@example.com", "2001:db8::1", false));
        }
        let neighbour = tries("ann@example.com", "2001:db8::2", false);
        assert_eq!(wait(&throttle, &neighbour, START), 60);
        let elsewhere = tries("ann@example.com", "2001:db8:0:1::1", false);
        assert_eq!(wait(&throttle, &elsewhere, START), 0);
    }

    #[test]
    fn a_right_password_is_a_new_start() {
        let throttle = Throttle::default();
        let own = tries("ann@example.com", "10.0.0.1", true);
        for _ in 0..9 {
            throttle.failed(&own, START);
        }
        assert!(wait(&throttle, &own, START) > 0);
        throttle.succeeded(&own);
        assert_eq!(wait(&throttle, &own, START), 0);
    }
}
