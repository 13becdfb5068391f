//! What tenants and operators do, and the rules of who may. The management API and the dashboard are
//! faces of it: what they cannot ask for here, they cannot do.
//!
//! Whoever asks is [`Signed`] in; [`Access`] proves what they are in an organisation; only with that
//! proof is anything of it read or changed. An organisation that is not theirs does not exist for
//! them.

use std::sync::Arc;

use crate::domain::time::{Clock, Timestamp};
use crate::limiters::Limiters;
use crate::metrics::Metrics;
use crate::providers::Catalog;
use crate::store::Db;

mod access;
pub mod audit;
pub mod calls;
pub mod catalog;
pub(crate) mod cursor;
pub mod fault;
pub mod invitations;
pub mod keys;
mod leaks;
pub mod links;
mod members;
mod once;
pub mod organisations;
pub mod passwords;
mod people;
mod problem;
pub mod projects;
mod refusals;
mod sessions;
pub mod sign_in;
mod signed;
mod standings;
mod sums;
mod throttle;
pub mod tokens;
pub mod usage;
pub mod users;

pub use access::Access;
pub use fault::{Fault, Faults, wrong_end};
pub use leaks::Leaks;
pub use once::Made;
pub use passwords::Passwords;
pub use problem::Problem;
pub use refusals::Refusals;
pub use sign_in::{Browser, SignedIn};
pub use signed::{Origin, Signed};
pub use standings::{BudgetStanding, RateStanding, Standings};
pub use sums::Sums;
pub use throttle::Throttle;

/// See the module.
pub struct Management {
    /// Where everything is kept, by connections that calls do not need.
    pub db: Db,
    /// Time.
    pub clock: Clock,
    /// What can be called.
    pub catalog: Arc<Catalog>,
    /// How far the rate limits of this process are used.
    pub limiters: Arc<Limiters>,
    /// What people call this installation: its links begin with it. Without a slash at the end.
    pub public_url: String,
    /// How often leaked keys are reported.
    pub leaks: Leaks,
    /// What makes and compares passwords' hashes.
    pub passwords: Passwords,
    /// Who tried to sign in too often.
    pub throttle: Throttle,
    /// How calls went.
    pub metrics: Arc<Metrics>,
}

impl Management {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
