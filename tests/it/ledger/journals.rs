//! Journals of several processes in one data directory: each has its own, and whoever lives on books
//! what the dead ones left.

use std::path::PathBuf;

use futures_util::future::join_all;

use super::load::{Clients, Load};
use super::site::{Machine, Process, Site};
use super::until;
use crate::support::db::TestDb;

const CLIENTS: usize = 4;

impl Machine {
    fn journal(&self, number: usize) -> PathBuf {
        self.data().join(format!("journal/{number}"))
    }

    fn journals(&self) -> usize {
        (0..10)
            .filter(|number| self.journal(*number).exists())
            .count()
    }
}

/// Waits until `calls` more were made.
async fn work(load: &Load, calls: usize) {
    let enough = load.made().len() + calls;
    until("calls are made", async || load.made().len() >= enough).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_of_one_directory_have_a_journal_each_and_the_living_book_for_the_dead() {
    let site = Site::numbered(TestDb::postgres().await, "").await;
    let key = site.budgeted_key();
    let machine = site.machine();
    let load = Load::default();
    let survivor = machine.serve().await;
    let at_work = load.on(&survivor, &key, CLIENTS);
    for _ in 0..2 {
        let neighbour = machine.serve().await;
        assert_eq!(machine.journals(), 2);
        let clients = load.on(&neighbour, &key, CLIENTS);
        work(&load, 60).await;
        neighbour.kill();
        clients.stop().await;
        let is_adopted = async || machine.journals() == 1;
        until("its journal is booked", is_adopted).await;
        site.verify();
    }
    work(&load, 60).await;
    at_work.stop().await;
    survivor.stop();
    site.audit(&load.made()).await;
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_books_at_its_start_what_all_of_its_directory_left() {
    let site = Site::numbered(TestDb::postgres().await, "").await;
    let key = site.budgeted_key();
    let machine = site.machine();
    let load = Load::default();
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(machine.serve().await);
    }
    assert_eq!(machine.journals(), 3);
    let clients = |process| load.on(process, &key, CLIENTS);
    let clients: Vec<_> = processes.iter().map(clients).collect();
    work(&load, 100).await;
    processes.into_iter().for_each(Process::kill);
    join_all(clients.into_iter().map(Clients::stop)).await;

    let successor = machine.serve().await;
    assert_eq!(machine.journals(), 1);
    site.verify();
    successor.stop();
    site.audit(&load.made()).await;
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}
