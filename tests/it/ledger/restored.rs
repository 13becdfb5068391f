//! A database that is set back to an older backup: the journals have what it forgot.

use futures_util::future::join_all;

use super::load::{Clients, Load};
use super::site::{Machine, Process, Site};
use super::until;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(a_database_set_back_to_a_backup_gets_all_calls_again_and_none_twice);

async fn a_database_set_back_to_a_backup_gets_all_calls_again_and_none_twice(database: TestDb) {
    let count = if database.is_postgres() { 2 } else { 1 };
    let mut site = Site::numbered(database, "").await;
    let key = site.budgeted_key();
    let mut machines: Vec<Machine> = (0..count).map(|_| site.machine()).collect();
    let load = Load::default();
    let work = async |processes: &[Process], backup: bool, site: &Site| {
        let call = |process| load.on(process, &key, 4);
        let clients: Vec<Clients> = processes.iter().map(call).collect();
        let calls = async |more| {
            let enough = load.served() + more;
            until("calls are served", async || load.served() >= enough).await;
        };
        calls(100).await;
        let copy = if backup {
            Some(site.database.copy().await)
        } else {
            None
        };
        calls(100).await;
        join_all(clients.into_iter().map(Clients::stop)).await;
        copy
    };
    let processes = join_all(machines.iter().map(Machine::serve)).await;
    let copy = work(&processes, true, &site).await;
    let booked = site.events().await.len();
    processes.into_iter().for_each(Process::kill);

    site.move_to(copy.unwrap(), &mut machines);
    assert!(site.events().await.len() < booked);
    let processes = join_all(machines.iter().map(Machine::serve)).await;
    site.verify();
    work(&processes, false, &site).await;
    processes.into_iter().for_each(Process::stop);
    // Once more: nothing is booked again.
    join_all(machines.iter().map(Machine::serve))
        .await
        .into_iter()
        .for_each(Process::stop);
    site.audit(&load.made()).await.print("set back");
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}
