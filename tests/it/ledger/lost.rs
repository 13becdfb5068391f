//! Processes that are lost: killed and never restarted, stopped for longer than their leases live, or
//! superseded. What they hold is given to nobody, and what they did is booked whenever it arrives.

use std::time::Duration;

use futures_util::future::join_all;

use super::calls;
use super::load::Load;
use super::site::{Key, Machine, Process, Site};
use super::until;
use crate::support::db::TestDb;

const AMOUNT: i64 = 66_000;
/// How long after its end a lease is charged.
const PATIENCE: Duration = Duration::from_mins(15);
/// What a client is told while only suspect leases stand in its way.
const LATER: Duration = Duration::from_secs(30);

/// Processes on machines of their own, which all have made calls.
struct Group {
    site: Site,
    key: Key,
    machines: Vec<Machine>,
    processes: Vec<Process>,
    load: Load,
}

impl Group {
    async fn of(count: usize) -> Self {
        let site = Site::numbered(TestDb::postgres().await, "").await;
        let key = site.key(&["--quota", &AMOUNT.to_string()]);
        let machines: Vec<Machine> = (0..count).map(|_| site.machine()).collect();
        let processes = join_all(machines.iter().map(Machine::serve)).await;
        let load = Load::default();
        for process in &processes {
            let served = load.call(&process.client, &key.secret).await;
            assert!(served.usage.is_some(), "{served:?}");
        }
        Self {
            site,
            key,
            machines,
            processes,
            load,
        }
    }

    /// Kills the first process while all work.
    async fn lose_one(&mut self) {
        let clients = |process| self.load.on(process, &self.key, 4);
        let mut clients: Vec<_> = self.processes.iter().map(clients).collect();
        let (load, enough) = (&self.load, 20 * clients.len());
        until("all are at work", async || load.made().len() >= enough).await;
        self.processes.remove(0).kill();
        clients.remove(0).stop().await;
        join_all(clients.into_iter().map(super::load::Clients::stop)).await;
    }

    /// Calls `process` until only what is suspect stands in the way.
    async fn use_up_by(&self, process: &Process, clients: usize) {
        let client = async |()| loop {
            let made = self.load.call(&process.client, &self.key.secret).await;
            if made.wait == Some(LATER) {
                return;
            }
            assert_ne!(made.code, "insufficient_quota");
        };
        join_all(std::iter::repeat_n((), clients).map(client)).await;
    }

    /// What all calls that reached the provider used there.
    fn used(&self) -> i64 {
        let sent = self.site.sent();
        let used = sent
            .iter()
            .map(|call| calls::usage(calls::number_of(&call.seen)).total());
        i64::try_from(used.sum::<u64>()).unwrap()
    }

    /// Ends all processes; fails unless everything is booked as it was.
    async fn finish(self) {
        self.processes.into_iter().for_each(Process::stop);
        self.site.audit(&self.load.made()).await;
        assert_eq!(self.site.budget().await.leased, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_process_held_is_given_to_nobody_until_it_is_charged_or_returns() {
    let mut group = Group::of(3).await;
    group.lose_one().await;
    let held = group.site.leased_by(&group.machines[0]).await;
    assert!(held > 0);
    group
        .site
        .expire(&group.machines[0], Duration::from_secs(1))
        .await;

    let use_up = group
        .processes
        .iter()
        .map(|process| group.use_up_by(process, 4));
    join_all(use_up).await;
    assert_eq!(group.site.suspect_of(&group.machines[0]).await, held);
    assert!(group.used() <= AMOUNT, "{}", group.used());
    group.site.verify();

    group.site.expire(&group.machines[0], PATIENCE).await;
    let lost = &group.machines[0];
    let is_charged = async || group.site.leased_by(lost).await == 0;
    until("what it held is charged", is_charged).await;
    group.site.verify();
    for process in &group.processes {
        let refused = group.load.call(&process.client, &group.key.secret).await;
        assert_eq!(refused.code, "insufficient_quota");
    }

    let charged = group.site.budget().await.used;
    assert!(charged <= AMOUNT);
    group.processes.push(group.machines[0].serve().await);
    assert!(group.site.budget().await.used < charged);
    assert_eq!(group.site.charged().await, 0, "only calls are paid for");
    group.site.verify();
    let returned = group.processes.last().unwrap();
    let served = group.load.call(&returned.client, &group.key.secret).await;
    assert!(served.usage.is_some(), "{served:?}");
    group.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_slept_past_its_leases_spends_nothing_of_them_and_books_what_it_did() {
    let group = Group::of(2).await;
    let [sleeper, other] = &group.processes[..] else {
        unreachable!()
    };
    let asleep = &group.machines[0];
    group.site.provider.hold();
    let clients = group.load.on(sleeper, &group.key, 4);
    group.site.provider.waiting(4).await;
    sleeper.signal("STOP");
    group.site.provider.release();
    let is_suspect = async || group.site.suspect_of(asleep).await > 0;
    until("its leases are suspect", is_suspect).await;
    group.use_up_by(other, 8).await;
    group.site.expire(asleep, PATIENCE).await;
    let is_charged = async || group.site.leased_by(asleep).await == 0;
    until("what it held is charged", is_charged).await;

    sleeper.signal("CONT");
    clients.stop().await;
    let is_given_back = async || group.site.charged().await == 0;
    until("what it did not spend is given back", is_given_back).await;
    group.site.verify();
    // It was away for too long to know by itself which keys are good.
    let late = async || group.load.call(&sleeper.client, &group.key.secret).await;
    let is_served = async || late().await.usage.is_some();
    until("its room is used again", is_served).await;
    group.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_journal_was_taken_over_ends_and_books_what_it_did() {
    let mut group = Group::of(2).await;
    let superseded = group.processes.remove(0);
    let clients = group.load.on(&superseded, &group.key, 4);
    let enough = group.load.made().len() + 20;
    until("it works", async || group.load.made().len() > enough).await;
    group.site.take_over(&group.machines[0]).await;
    let said = superseded.failed().await;
    assert!(said.contains("took over"), "{said}");
    clients.stop().await;
    group.site.verify();
    group.processes.push(group.machines[0].serve().await);
    group.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_that_is_older_than_the_database_is_named_with_what_to_do() {
    let mut group = Group::of(1).await;
    group.processes.remove(0).stop();
    for _ in 0..2 {
        group.site.take_over(&group.machines[0]).await;
    }
    let said = group.machines[0].start(&[]).failed().await;
    for words in ["data/journal/0 is older than", "move `journal` away"] {
        assert!(said.contains(words), "{said}");
    }
    // As it says.
    std::fs::remove_dir_all(group.machines[0].data().join("journal")).unwrap();
    group.processes.push(group.machines[0].serve().await);
    group.finish().await;
}
