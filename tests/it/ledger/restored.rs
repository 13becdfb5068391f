//! A database that is set back to an older backup, by the commands that `docs/operations.md` has: the
//! journals know what it forgot.

use std::time::Duration;

use futures_util::future::join_all;
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::store::retention::prune_calls;

use super::load::{Clients, Load};
use super::site::{Key, Machine, Process, Site};
use super::until;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::{documented, standby};

on_both_engines!(
    a_database_set_back_to_a_backup_gets_all_calls_again_and_none_twice,
    calls_that_were_pruned_are_not_taken_for_lost,
    a_backup_gets_back_what_it_lacks_and_not_what_was_pruned_before_it,
);

const PAGE: &str = "operations.md";

impl Site {
    /// Follows the page, beside or instead of running servers.
    fn follow(database: &TestDb, action: &str) {
        let engine = if database.is_postgres() {
            "Postgres"
        } else {
            "SQLite"
        };
        let heading = format!("{action} {engine}");
        documented::run(PAGE, &heading, database.directory.path(), &database.url);
    }

    async fn restore(&mut self) {
        let restore = |database: &TestDb| Self::follow(database, "Restore");
        self.database.replaced_by(restore).await;
    }

    /// What is used of each budget.
    async fn used(&self) -> Vec<i64> {
        let budgets = self.budgets().await.into_iter();
        budgets.map(|budget| budget.used).collect()
    }
}

/// Serves a hundred calls, does something while more are running, and serves a hundred more.
async fn work(processes: &[Process], load: &Load, key: &Key, meanwhile: impl FnOnce()) {
    let call = |process| load.on(process, key, 4);
    let clients: Vec<Clients> = processes.iter().map(call).collect();
    let calls = async |more| {
        let enough = load.served() + more;
        until("calls are served", async || load.served() >= enough).await;
    };
    calls(100).await;
    meanwhile();
    calls(100).await;
    join_all(clients.into_iter().map(Clients::stop)).await;
}

async fn serve(machines: &[Machine]) -> Vec<Process> {
    join_all(machines.iter().map(Machine::serve)).await
}

async fn a_database_set_back_to_a_backup_gets_all_calls_again_and_none_twice(database: TestDb) {
    let count = if database.is_postgres() { 2 } else { 1 };
    let mut site = Site::numbered(database, "").await;
    let key = site.budgeted_key();
    let machines: Vec<Machine> = (0..count).map(|_| site.machine()).collect();
    let load = Load::default();
    let processes = serve(&machines).await;
    let back_up = || Site::follow(&site.database, "Back up");
    work(&processes, &load, &key, back_up).await;
    let booked = site.events().await.len();
    processes.into_iter().for_each(Process::kill);

    // A backup can be restored more than once.
    for _ in 0..2 {
        site.restore().await;
        assert!(site.events().await.len() < booked);
    }
    let processes = serve(&machines).await;
    site.verify();
    work(&processes, &load, &key, || ()).await;
    processes.into_iter().for_each(Process::stop);
    // Once more: nothing is booked again.
    serve(&machines).await.into_iter().for_each(Process::stop);
    site.audit(&load.made()).await.print("set back");
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}

/// Two hundred calls, all booked, and a clean stop.
async fn serve_and_stop(site: &Site, machine: &Machine, load: &Load, key: &Key) {
    let processes = serve(std::slice::from_ref(machine)).await;
    work(&processes, load, key, || ()).await;
    processes.into_iter().for_each(Process::stop);
    site.audit(&load.made()).await;
}

/// As if the calls up to now had grown too old.
async fn prune(site: &Site) -> Timestamp {
    let now = Clock::default().now();
    while prune_calls(&site.database.db, now).await.unwrap() > 0 {}
    assert!(site.events().await.is_empty());
    now
}

/// The next start changes nothing of what is used, nor does one after it.
async fn assert_nothing_is_booked(site: &Site, machine: &Machine, used: &[i64]) {
    for _ in 0..2 {
        machine.serve().await.stop();
        site.verify();
        assert_eq!(site.used().await, used);
    }
}

async fn calls_that_were_pruned_are_not_taken_for_lost(database: TestDb) {
    let site = Site::numbered(database, "").await;
    let (key, machine) = (site.budgeted_key(), site.machine());
    serve_and_stop(&site, &machine, &Load::default(), &key).await;
    let used = site.used().await;
    prune(&site).await;
    assert_nothing_is_booked(&site, &machine, &used).await;
}

async fn a_backup_gets_back_what_it_lacks_and_not_what_was_pruned_before_it(database: TestDb) {
    let mut site = Site::numbered(database, "").await;
    let (key, machine) = (site.budgeted_key(), site.machine());
    serve_and_stop(&site, &machine, &Load::default(), &key).await;
    let pruned = prune(&site).await;
    Site::follow(&site.database, "Back up");
    while Clock::default().now() <= pruned.plus(Duration::from_millis(1)) {}
    let processes = [machine.serve().await];
    work(&processes, &Load::from(10_000), &key, || ()).await;
    processes.into_iter().for_each(Process::stop);
    let (used, booked) = (site.used().await, site.events().await.len());
    site.restore().await;
    assert_ne!(site.used().await, used);
    assert_nothing_is_booked(&site, &machine, &used).await;
    assert_eq!(site.events().await.len(), booked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_lacks_what_an_earlier_process_booked_gets_it_from_the_next() {
    let site = Site::numbered(TestDb::postgres().await, "").await;
    let (key, machine) = (site.budgeted_key(), site.machine());
    serve_and_stop(&site, &machine, &Load::default(), &key).await;
    standby::lag(site.pool()).await;
    let processes = [machine.serve().await];
    work(&processes, &Load::from(10_000), &key, || ()).await;
    processes.into_iter().for_each(Process::stop);
    let used = site.used().await;
    let idle = machine.serve().await;
    standby::promote(site.pool()).await;
    assert_ne!(site.used().await, used);
    let is_booked = async || site.used().await == used;
    until("what it lacks is booked again", is_booked).await;
    site.verify();
    idle.stop();
}
