//! A server that is killed where it hurts most: at each named place of a call's way into the books,
//! and again while it recovers from that.

use super::few_or_many;
use super::load::Load;
use super::site::{Machine, Site};
use crate::support::db::{TestDb, on_both_engines};

const CLIENTS: usize = 8;
/// The smallest journal: its segments are soon full, and soon deleted.
const SMALL_JOURNAL: &str = "[ledger]\njournal_max_bytes = 1048576";

macro_rules! nothing_is_lost_at {
    ($($point:ident up to $passes:literal),+ $(,)?) => {
        $(
            async fn $point(database: TestDb) {
                lose_nothing(database, stringify!($point), $passes).await;
            }
        )+
        on_both_engines!($($point),+);
    };
}

nothing_is_lost_at!(
    intended up to 60,
    headers up to 60,
    mid_stream up to 60,
    usage_seen up to 60,
    settled up to 60,
    synced up to 4,
    booking up to 4,
    booked up to 4,
    rotating up to 3,
    deleting up to 3,
    replaying up to 0,
);

/// Kills at `point`, having let it pass up to `passes` times.
async fn lose_nothing(database: TestDb, point: &str, passes: u32) {
    let site = Site::numbered(database, SMALL_JOURNAL).await;
    let key = site.budgeted_key();
    let machine = site.machine();
    let load = Load::default();
    let kills = few_or_many(2, 100);
    // Only what an earlier process settled and did not book is replayed.
    let first = if point == "replaying" {
        "synced"
    } else {
        point
    };
    for _ in 0..kills {
        // A server may book something while it starts, and is to die only after that.
        let first_passes = if first == "booking" { 3 } else { 0 };
        let passes = first_passes + getrandom::u32().unwrap() % (passes + 1);
        let killpoint = format!("{first}:{passes}");
        let process = machine.serve_with(&[("KILLPOINT", &killpoint)]).await;
        let clients = load.on(&process, &key, CLIENTS);
        process.died().await;
        clients.stop().await;
        if matches!(point, "booking" | "replaying") {
            die_recovering(&machine, point).await;
            die_recovering(&machine, point).await;
        }
        let process = machine.serve().await;
        site.verify();
        process.stop();
    }
    let figures = site.audit(&load.made()).await;
    figures.print(&format!("{kills} kills at {point}"));
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}

/// Starts a server that dies before calls are welcome.
async fn die_recovering(machine: &Machine, point: &str) {
    machine.start(&[("KILLPOINT", point)]).died().await;
}
