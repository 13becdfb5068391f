//! What the process knows about itself, for whoever reads the metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::background::Background;
use crate::lifecycle::Lifecycle;
use crate::metrics::Gauges;

/// All of it, looked up when somebody asks.
pub(super) fn of(lifecycle: &Arc<Lifecycle>, background: &Background) -> Gauges {
    let (ready, detached) = (Arc::clone(lifecycle), Arc::clone(lifecycle));
    let [callers, asking] = [(); 2].map(|()| Arc::clone(&background.callers));
    let [healthy, bytes, waiting, lag, leases, holds] =
        [(); 6].map(|()| Arc::clone(&background.ledger));
    let looks = background.lag.clone();
    let (capacity, audit) = (Arc::clone(&background.capacity), background.audit.clone());
    let runtime = tokio::runtime::Handle::current().metrics();
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    Gauges::default()
        .with("ready", "1 if calls are welcome", move || {
            i64::from(ready.is_ready())
        })
        .with(
            "calls_in_flight",
            "Calls that are not over, those without their client included",
            move || count(capacity.calls()),
        )
        .with(
            "calls_without_client",
            "Calls that go on although their client left",
            move || count(detached.detached()),
        )
        .with(
            "tasks",
            "Tasks of this process: two or so for each connection, and a few of its own",
            move || count(runtime.num_alive_tasks()),
        )
        .with(
            "cached_keys",
            "Keys in memory, unknown ones included",
            move || count(callers.len()),
        )
        .counting(
            "key_lookups",
            "Times that the database was asked for a key; grows with calls by unknown keys",
            move || asking.looked_up(),
        )
        .with(
            "journal_healthy",
            "1 if calls can be written down",
            move || i64::from(healthy.health().is_ok()),
        )
        .with(
            "journal_unbooked_bytes",
            "Bytes of the journal that the database does not have",
            move || i64::try_from(bytes.backlog().bytes).unwrap_or(i64::MAX),
        )
        .with(
            "journal_unbooked_calls",
            "Calls that ended and that the database does not have",
            move || i64::try_from(waiting.backlog().settled).unwrap_or(i64::MAX),
        )
        .with(
            "journal_lag_seconds",
            "For how long the oldest of them waits",
            move || seconds(looks.span(Instant::now(), lag.progress())),
        )
        .with(
            "leases",
            "Budgets of which this process has a slice",
            move || count(leases.lent().leases),
        )
        .with(
            "holds",
            "What calls in flight hold, once for each budget of a call",
            move || holds.lent().holds,
        )
        .with(
            "ledger_differences",
            "Counters of budgets that are not what their events say; -1 before they were compared",
            move || audit.differences(),
        )
}
