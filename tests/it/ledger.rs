//! The ledger's promises, proved on the real binary: processes are crowded, killed, stopped and cut
//! off, and then what clients saw, what the provider counted and what is booked must agree.

mod backlog;
mod books;
pub mod calls;
mod crowded_store;
mod departures;
mod edits;
mod full;
mod full_store;
mod journals;
#[cfg(debug_assertions)]
mod kill_points;
mod kills;
mod leases;
pub mod load;
mod lost;
mod midnight;
mod persistent;
mod quotas;
mod restored;
pub mod site;
mod store_away;

use std::time::{Duration, Instant};

/// How long a wait may take before the test fails: longer than a lease lives.
const PATIENCE: Duration = Duration::from_secs(100);

/// How often something is done: `few` times, or `many` in a long run.
pub fn few_or_many(few: usize, many: usize) -> usize {
    if std::env::var_os("TOLLGATE_TEST_LONG").is_some() {
        many
    } else {
        few
    }
}

/// Asks until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
