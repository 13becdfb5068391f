//! Leases: room of budgets that one process holds, so that its calls take from memory. A lease is a
//! row for each process, epoch and budget; `budget.leased` is what is left of all that are not closed.

use std::time::Duration;

use uuid::Uuid;

use super::Db;
use crate::domain::time::Timestamp;

mod adjust;
mod claim;
mod close;
mod grant;
mod holders;
mod recall;
mod renew;
mod rows;
mod spend;
mod take_back;

pub use close::{charge_expired, close_own, close_predecessors, refund, suspect_expired};
pub use grant::grant;
pub use recall::recall;
pub use renew::{register, renew};
pub(super) use rows::LeaseState;
pub(super) use spend::spend;

pub(super) const STATEMENTS: &[&str] = &[
    holders::ENTER,
    holders::LIVE,
    renew::ORPHAN,
    close::BY_EXPIRY,
    close::BY_HOLDER,
    close::UNCLAIMED,
];

/// How long a process and its leases live after they were heard of.
pub const LIFE: Duration = Duration::from_mins(1);

/// A process in one of its lives. A later life fences the earlier ones: they get no room any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The journal directory's id.
    pub instance: Uuid,
    /// How often it was opened.
    pub epoch: i64,
}

/// A wish for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The holder's lease of this budget; the first grant creates it.
    pub lease: Uuid,
    /// Which budget.
    pub budget: Uuid,
    /// Less than this is of no use.
    pub need: i64,
}

/// What became of an [`Ask`], and how the budget stands after all asks were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// As asked.
    pub lease: Uuid,
    /// As asked.
    pub budget: Uuid,
    /// Room that is the holder's from now on; 0 or at least the need.
    pub granted: i64,
    /// How the lease stands.
    pub balance: Balance,
    /// The limit; `None` if the budget has none any more, and so needs no lease.
    pub amount: Option<i64>,
    /// What is booked.
    pub used: i64,
    /// What all leases hold, suspect ones included.
    pub leased: i64,
    /// What suspect leases hold; counted only if this ask was not granted.
    pub suspect: i64,
    /// The lease was closed, or is no lease of this holder and budget: ask for another one.
    pub is_lost: bool,
}

/// How a lease stood at one moment, and what had happened to it until then. The two totals order that
/// moment among what its holder booked and gave back: an answer may be older than what is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What is left of all that was granted: a holder that missed an answer finds its room here.
    pub remaining: i64,
    /// All that booked events were charged to it, what it did not cover included.
    pub charged: i64,
    /// All that was ever given back of it.
    pub returned: i64,
}

/// What a holder learns from its heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Processes that are alive, this one included.
    pub live: i64,
    /// Leases that were closed: they hold nothing any more.
    pub lost: Vec<Uuid>,
}

/// Room that its owner gives back. Totals, so that saying it twice changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    /// Which lease.
    pub lease: Uuid,
    /// All that was ever given back of it, this time included.
    pub total: i64,
}

/// When a lease that is heard of now expires. A `SQLite` file has one process, whose directory's
/// lock is the fence: nothing expires.
fn expiry(db: &Db, now: Timestamp) -> Timestamp {
    match db {
        Db::Postgres(_) => now.plus(LIFE),
        Db::Sqlite(_) => Timestamp(i64::MAX),
    }
}
