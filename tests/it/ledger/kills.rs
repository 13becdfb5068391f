//! A server that is killed again and again under load: no call whose end a client saw is lost, and
//! none is counted twice.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio_util::task::TaskTracker;

use super::calls;
use super::load::{Clients, Load, random};
use super::site::{Key, Machine, ORGANISATION, Process, Site};
use super::{few_or_many, until};
use crate::provider::Provider;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    kills_at_any_moment_lose_no_call_and_count_none_twice,
    a_server_killed_with_everything_leased_answers_soon_after_its_restart,
);

const PLENTY: &str = "1000000000000";
const CLIENTS: usize = 8;

impl Site {
    /// In front of a provider of numbered calls.
    pub async fn numbered(database: TestDb, config: &str) -> Self {
        Self::new(database, Provider::start(calls::answer).await, config)
    }

    /// A key whose calls draw from budgets of three scopes and two units.
    pub fn budgeted_key(&self) -> Key {
        self.run(&["org", "update", ORGANISATION, "--quota", PLENTY]);
        let day = ["--quota-period", "day", "--rpd", "4000000000"];
        self.key(&[&["--quota", PLENTY], &day[..]].concat())
    }
}

async fn kills_at_any_moment_lose_no_call_and_count_none_twice(database: TestDb) {
    let site = Site::numbered(database, "").await;
    let key = site.budgeted_key();
    let machine = site.machine();
    let load = Load::default();
    let kills = few_or_many(6, 500);
    let mut slowest = Duration::ZERO;
    for kill in 0..kills {
        let process = machine.serve().await;
        slowest = slowest.max(process.start);
        site.verify();
        let clients = load.on(&process, &key, CLIENTS);
        tokio::time::sleep(random(Duration::from_millis(500))).await;
        process.kill();
        clients.stop().await;
        if kill % 3 == 0 {
            let starting = machine.start(&[]);
            tokio::time::sleep(random(Duration::from_millis(200))).await;
            starting.kill();
        }
    }
    machine.serve().await.stop();
    let figures = site.audit(&load.made()).await;
    figures.print(&format!("{kills} kills, slowest start {slowest:?}"));
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_come_and_go_share_a_quota_and_lose_no_call() {
    let site = Site::numbered(TestDb::postgres().await, "").await;
    let key = site.budgeted_key();
    let machines: Vec<Machine> = (0..3).map(|_| site.machine()).collect();
    let mut processes = join_all(machines.iter().map(Machine::serve)).await;
    let load = Load::default();
    let call = |process: &Process| load.on(process, &key, 2);
    let mut clients: Vec<Clients> = processes.iter().map(call).collect();
    for round in 0..few_or_many(6, 300) {
        let enough = load.made().len() + 60;
        until("calls are made", async || load.made().len() >= enough).await;
        let leaving = processes.remove(0);
        if round % 3 == 1 {
            leaving.stop();
        } else {
            leaving.kill();
        }
        clients.remove(0).stop().await;
        processes.push(machines[round % machines.len()].serve().await);
        clients.extend(processes.last().map(call));
    }
    join_all(clients.into_iter().map(Clients::stop)).await;
    processes.into_iter().for_each(Process::stop);
    site.audit(&load.made()).await.print("coming and going");
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}

async fn a_server_killed_with_everything_leased_answers_soon_after_its_restart(database: TestDb) {
    let site = Site::new(database, Provider::honest().await, "");
    let body = chat_body(r#","max_tokens":100"#);
    let key = site.key(&["--quota", &(10 * (body.len() + 100) + 99).to_string()]);
    let machine = site.machine();
    let process = machine.serve().await;
    site.provider.hold();
    let tasks = TaskTracker::new();
    let left = (0..10).map(|_| {
        let (client, secret, body) = (process.client.clone(), key.secret.clone(), body.clone());
        tasks.spawn(async move { client.try_open(CHAT, &secret, &body).await.map(drop) })
    });
    let left: Vec<_> = left.collect();
    site.provider.waiting(10).await;
    let refused = process.client.post(CHAT, &key.secret, &body).await;
    refused.assert_refused(429, "quota_held");
    process.kill();
    for call in left {
        assert!(call.await.unwrap().is_err());
    }
    site.provider.release();

    let began = Instant::now();
    let process = machine.serve().await;
    let answer = process.client.post(CHAT, &key.secret, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(5));
    process.stop();
    site.verify();
    let events = site.events().await;
    let prompt = i64::try_from(body.len().div_ceil(4)).unwrap();
    let interrupted = events.iter().filter(|event| event.source == "interrupted");
    let interrupted = interrupted.filter(|event| event.total_tokens == prompt);
    assert_eq!((events.len(), interrupted.count()), (11, 10));
    assert_eq!(site.budget().await.leased, 0);
}
