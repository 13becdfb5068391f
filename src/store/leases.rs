//! Leases: room of budgets that one process holds, so that its calls take from memory. A lease is a
//! row for each process, epoch and budget; `budget.leased` is what is left of all that are not closed.

use uuid::Uuid;

use super::{Db, StoreError};
use crate::domain::time::Timestamp;

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
    /// All that was ever granted to this lease: a holder that missed an answer finds its room here.
    pub total: i64,
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

/// Enters `holder`, whose epoch fences every earlier one of its instance.
/// [`StoreError::Fenced`] if a later one is known.
pub async fn register(_db: &Db, _holder: &Holder, _now: Timestamp) -> Result<(), StoreError> {
    Err(missing())
}

/// Keeps `holder` alive and its leases, each with what calls in flight hold of it, for another
/// lease life. Suspect ones are open again.
pub async fn renew(
    _db: &Db,
    _holder: &Holder,
    _held: &[(Uuid, i64)],
    _now: Timestamp,
) -> Result<Renewal, StoreError> {
    Err(missing())
}

/// Answers all `asks` in one transaction, in their order.
pub async fn grant(
    _db: &Db,
    _holder: &Holder,
    _asks: &[Ask],
    _now: Timestamp,
) -> Result<Vec<Answer>, StoreError> {
    Err(missing())
}

/// Asks all processes to give back their idle room of `budgets`, by a change each.
pub async fn recall(_db: &Db, _budgets: &[Uuid], _now: Timestamp) -> Result<(), StoreError> {
    Err(missing())
}

/// Marks leases whose life is over. They keep counting: their owner may have spent them.
pub async fn suspect_expired(_db: &Db, _now: Timestamp) -> Result<usize, StoreError> {
    Err(missing())
}

/// Closes leases that have been expired for 15 minutes by charging what was left of them, and
/// answers how many. Events that arrive later take their charge from that.
pub async fn charge_expired(_db: &Db, _now: Timestamp) -> Result<usize, StoreError> {
    Err(missing())
}

/// Closes the leases of `instance` from before `before_epoch` by giving back what is left of them,
/// and answers how many. Only for whoever has booked everything in that instance's journal.
pub async fn close_predecessors(
    _db: &Db,
    _instance: Uuid,
    _before_epoch: i64,
    _now: Timestamp,
) -> Result<usize, StoreError> {
    Err(missing())
}

fn missing() -> StoreError {
    StoreError::setup("leases are not built yet")
}
