//! A database that is set back to an older backup, by the commands that `docs/operations.md` has: the
//! journals know what it forgot.

use futures_util::future::join_all;

use super::load::{Clients, Load};
use super::site::{Key, Machine, Process, Site};
use super::until;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::documented;

on_both_engines!(a_database_set_back_to_a_backup_gets_all_calls_again_and_none_twice);

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
