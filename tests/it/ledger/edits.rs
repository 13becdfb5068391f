//! Limits that are edited by the command line while calls run: what was used is never forgotten, and
//! a limit that was lowered is obeyed at once by all processes.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::books::Budget;
use super::load::{Clients, Load};
use super::site::{Key, Machine, Process, Site};
use super::{few_or_many, until};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(edits_during_traffic_never_step_back_and_lowering_is_obeyed_at_once);

/// A second by design; the rest is for commands and calls of a busy machine.
const SEEN: Duration = Duration::from_secs(3);
const PLENTY: &str = "1000000000000";

impl Site {
    fn limit(&self, key: &Key, amount: &str) {
        self.run(&["key", "update", &key.id, "--quota", amount]);
    }

    /// Reads the budget, of which no less may be used than `before`.
    async fn go_on_from(&self, before: &mut Budget) -> Budget {
        let now = self.budget().await;
        assert!(now.used >= before.used, "{now:?} after {before:?}");
        *before = now;
        now
    }
}

async fn edits_during_traffic_never_step_back_and_lowering_is_obeyed_at_once(database: TestDb) {
    let count = if database.is_postgres() { 3 } else { 1 };
    let site = Site::numbered(database, "").await;
    let key = site.key(&["--quota", PLENTY]);
    let machines: Vec<Machine> = (0..count).map(|_| site.machine()).collect();
    let processes = join_all(machines.iter().map(Machine::serve)).await;
    let load = Load::default();
    let call = |process: &Process| load.on(process, &key, 3);
    let clients: Vec<Clients> = processes.iter().map(call).collect();
    until("there is a budget", async || {
        !site.budgets().await.is_empty()
    })
    .await;
    let mut before = site.budget().await;
    for _ in 0..few_or_many(3, 100) {
        for amount in ["900000000000", PLENTY] {
            site.limit(&key, amount);
            site.go_on_from(&mut before).await;
        }
        let enough = load.served() + 30;
        until("calls are served", async || load.served() >= enough).await;

        site.limit(&key, "1");
        let lowered = Instant::now();
        // Nothing is granted from now on.
        let seen = site.go_on_from(&mut before).await;
        for process in &processes {
            until("the limit is obeyed", async || {
                load.call(&process.client, &key.secret).await.code == "insufficient_quota"
            })
            .await;
        }
        let took = lowered.elapsed();
        assert!(took < SEEN, "a limit was obeyed after {took:?}");
        until("all room is given back", async || {
            site.go_on_from(&mut before).await.leased == 0
        })
        .await;
        assert!(
            before.used <= seen.used + seen.leased,
            "{before:?} after {seen:?}"
        );
    }
    site.limit(&key, PLENTY);
    join_all(clients.into_iter().map(Clients::stop)).await;
    processes.into_iter().for_each(Process::stop);
    site.audit(&load.made()).await.print("edits");
    assert!(site.go_on_from(&mut before).await.leased == 0);
}
