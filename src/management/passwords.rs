//! Passwords: Argon2id, and what it may cost. A hash takes 19 MiB and tens of milliseconds of a core,
//! so that only a few are made at once, beside the workers and behind them, and only so many wait.

use std::sync::Arc;
use std::thread::{self, available_parallelism};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Faults, Problem};

/// The shortest password, in characters.
pub const SHORTEST: usize = 12;

/// The longest, in bytes: nothing of it is cut off.
pub const LONGEST: usize = 4096;

/// What OWASP names as the least for Argon2id: KiB of memory, passes and lanes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// How many wait for their turn.
const QUEUE: usize = 64;

/// When to come back if more do.
const LATER: Duration = Duration::from_secs(1);

/// How far a password stands behind calls where both want a core: it gets a tenth of it, so that it is
/// hashed all the same.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Hashed where there is no hash to compare with, so that this takes as long.
const NO_SALT: &[u8; 16] = b"salt of a nobody";

/// Makes and compares hashes, a few at a time.
pub struct Passwords {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// The right to make or compare one hash, now.
pub struct Place {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Default for Passwords {
    /// A quarter of the machine may be busy with passwords; the rest is for calls.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            places: Arc::new(Semaphore::new((cores / 4).max(1))),
            queue: Arc::new(Semaphore::new(QUEUE)),
        }
    }
}

impl Passwords {
    /// Waits for a place. Fails at once if too many wait.
    pub async fn place(&self) -> Result<Place, Problem> {
        let turn = Arc::clone(&self.queue).try_acquire_owned();
        let turn = turn.map_err(|_| Problem::Throttled(LATER))?;
        let place = Arc::clone(&self.places).acquire_owned().await;
        Ok(Place {
            _place: place.map_err(|_| Problem::Internal)?,
            _turn: turn,
        })
    }
}

impl Place {
    /// The hash of a new password.
    pub async fn hash(self, password: SecretString) -> Result<String, Problem> {
        let (hashed, _) = self.work(move || hash(&password)).await?;
        hashed.map_err(|error| failed(&error))
    }

    /// Whether this is the password behind `hash`. Without a hash it is not, and that takes as long.
    /// The place is free when it is dropped: whoever is next should know how this one ended.
    pub async fn verify(
        self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<(bool, Self), Problem> {
        let verified = self.work(move || verify(&password, hash.as_deref()));
        let (verified, place) = verified.await?;
        Ok((verified.map_err(|error| failed(&error))?, place))
    }

    /// The place is taken until the work is done, even if nobody waits for it any more. It is done by
    /// a thread of its own: one that stands back can never step forward again.
    async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Self), Problem> {
        let (done, answer) = oneshot::channel();
        let working = move || {
            // Where the work fails, the place is free before whoever waits gets to know.
            let place = self;
            stand_back();
            let worked = work();
            let _ = done.send((worked, place));
        };
        let thread = thread::Builder::new().name("password".to_owned());
        thread.spawn(working).map_err(|error| failed(&error))?;
        answer.await.map_err(|error| failed(&error))
    }
}

impl Faults {
    /// A new password.
    pub fn new_password(&mut self, field: &str, password: Option<&str>) -> SecretString {
        let text = password.unwrap_or_default();
        if let Some(rule) = broken_rule(text) {
            self.add(field, rule);
        }
        text.into()
    }

    /// A password that someone has; whether it is right is found out later.
    pub fn password(&mut self, field: &str, password: Option<&str>) -> SecretString {
        match password {
            None => self.add(field, "is required"),
            Some(text) if text.len() > LONGEST => self.add(field, "at most 4096 bytes"),
            Some(_) => {}
        }
        password.unwrap_or_default().into()
    }
}

/// What is wrong with a new password, if anything. Length is what helps; no character is asked for.
pub fn broken_rule(password: &str) -> Option<&'static str> {
    let is_good = password.chars().count() >= SHORTEST && password.len() <= LONGEST;
    (!is_good).then_some("at least 12 characters, at most 4096 bytes")
}

/// The hash of a password, for commands that do nothing besides.
pub fn hash(password: &SecretString) -> Result<String, password_hash::Error> {
    let hash = argon2()?.hash_password(password.expose_secret().as_bytes())?;
    Ok(hash.to_string())
}

fn verify(password: &SecretString, hash: Option<&str>) -> Result<bool, password_hash::Error> {
    let password = password.expose_secret().as_bytes();
    let Some(hash) = hash else {
        argon2()?.hash_password_with_salt(password, NO_SALT)?;
        return Ok(false);
    };
    match argon2()?.verify_password(password, &PasswordHash::new(hash)?) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error),
    }
}

fn argon2() -> Result<Argon2<'static>, password_hash::Error> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Lets calls go first. Where that is refused, a password is hashed beside them.
#[cfg(target_os = "linux")]
fn stand_back() {
    let _ = rustix::process::nice(NICE);
}

/// Elsewhere it is the whole process that would.
#[cfg(not(target_os = "linux"))]
fn stand_back() {}

fn failed(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "a password was not hashed");
    Problem::Internal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_password_is_right() {
        for password in [
            "correct horse battery",
            "ünï\0code 🦀 пароль",
            &"x".repeat(LONGEST),
        ] {
            let hashed = hash(&password.into()).unwrap();
            assert!(
                hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
                "{hashed}"
            );
            assert!(verify(&password.into(), Some(&hashed)).unwrap());
            let cut = password.chars().rev().skip(1).collect::<String>();
            assert!(!verify(&cut.into(), Some(&hashed)).unwrap());
            assert!(!verify(&password.into(), None).unwrap());
        }
    }

    #[test]
    fn a_new_password_is_long_but_not_endless() {
        assert_eq!(broken_rule("twelve chars"), None);
        assert_eq!(broken_rule(&"ü".repeat(LONGEST / 2)), None);
        for bad in [
            "",
            "eleven char",
            &"x".repeat(LONGEST + 1),
            &"ü".repeat(LONGEST),
        ] {
            assert!(broken_rule(bad).is_some());
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_password_is_hashed_behind_calls_and_nothing_else_is() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        let place = Passwords::default().place().await.unwrap();
        let (hashing, _) = place.work(own).await.unwrap();
        assert_eq!(hashing, (before + NICE).min(19));
        assert_eq!(own(), before);
        let worker = tokio::task::spawn_blocking(own).await;
        assert_eq!(worker.unwrap(), before);
    }

    #[tokio::test]
    async fn a_place_whose_work_fails_is_free_again() {
        fn fails() {
            panic!("a hash that cannot be made");
        }
        let passwords = Passwords::default();
        let free = passwords.places.available_permits();
        let place = passwords.place().await.unwrap();
        let worked = place.work(fails).await;
        assert!(matches!(worked, Err(Problem::Internal)));
        assert_eq!(passwords.places.available_permits(), free);
    }

    #[tokio::test]
    async fn who_finds_a_long_queue_comes_back_later() {
        let passwords = Passwords::default();
        let held = Arc::clone(&passwords.queue).try_acquire_many_owned(64);
        let refused = passwords.place().await;
        assert!(matches!(refused, Err(Problem::Throttled(_))));
        drop(held);
        assert!(passwords.place().await.is_ok());
    }
}
