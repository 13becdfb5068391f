//! Quotas under pressure: as many calls pass as there is room for, in one process or in three, and
//! in the end all of it was usable.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::books::Budget;
use super::persistent::Persistent;
use super::site::{Key, Process, Site};
use super::{few_or_many, until};
use crate::provider::{Provider, Script, Seen, Usage, completion};
use crate::support::client::{CHAT, Client, Reply, chat_body};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    a_quota_of_ten_calls_lets_ten_pass_of_however_many_at_once,
    a_budget_of_ten_calls_lets_ten_pass_of_however_many_at_once,
    a_quota_is_usable_to_the_end_by_calls_without_a_cap,
    a_budget_is_usable_to_the_end_by_calls_without_a_cap,
    a_quota_of_500_tokens_is_usable_by_calls_without_a_cap,
);

const CAP: i64 = 100;
/// What the honest provider reports: input, output and both.
const INPUT: i64 = 11;
const OUTPUT: i64 = 7;
const USED: i64 = INPUT + OUTPUT;
/// Nano-USD a token: input 1000, output 4000.
const PRICED: &str = r#"
[[models]]
name = "m"
provider = "mock"
price = { input = "1", output = "4" }
"#;

fn body() -> String {
    chat_body(&format!(r#","max_tokens":{CAP}"#))
}

/// Room for `calls` tokens and not for one more.
fn tokens(calls: i64) -> i64 {
    calls * (i64::try_from(body().len()).unwrap() + CAP) + CAP - 1
}

/// The same in nano-USD.
fn money(calls: i64) -> i64 {
    calls * (i64::try_from(body().len()).unwrap() * 1000 + CAP * 4000) + CAP * 4000 - 1
}

fn quota(amount: i64) -> Vec<String> {
    vec!["--quota".to_owned(), amount.to_string()]
}

fn budget(nano: i64) -> Vec<String> {
    let usd = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    vec!["--budget".to_owned(), usd]
}

impl Site {
    fn limited(&self, limits: &[String]) -> Key {
        let limits: Vec<&str> = limits.iter().map(String::as_str).collect();
        self.key(&limits)
    }

    /// As many processes as the engine takes.
    async fn processes(&self) -> Vec<Process> {
        let count = if self.database.is_postgres() { 3 } else { 1 };
        let mut processes = Vec::new();
        for _ in 0..count {
            processes.push(self.machine().serve().await);
        }
        processes
    }
}

async fn a_quota_of_ten_calls_lets_ten_pass_of_however_many_at_once(database: TestDb) {
    let site = Site::new(database, Provider::honest().await, "");
    let used = ten_pass(&site, &quota(tokens(10))).await;
    assert_eq!(used, 10 * USED);
}

async fn a_budget_of_ten_calls_lets_ten_pass_of_however_many_at_once(database: TestDb) {
    let site = Site::new(database, Provider::honest().await, PRICED);
    let used = ten_pass(&site, &budget(money(10))).await;
    assert_eq!(used, 10 * (INPUT * 1000 + OUTPUT * 4000));
}

/// Crowds keys with these limits, which have room for ten calls: one that is older than the process,
/// and one that is younger. What each used.
async fn ten_pass(site: &Site, limits: &[String]) -> i64 {
    let old = site.limited(limits);
    let process = site.machine().serve().await;
    for count in [200]
        .into_iter()
        .chain((few_or_many(0, 1) > 0).then_some(2000))
    {
        crowd(site, &process.client, &site.limited(limits), count).await;
    }
    crowd(site, &process.client, &old, 200).await;
    process.stop();
    site.verify();
    let budgets = site.budgets().await;
    assert!(budgets.iter().all(|budget| budget.leased == 0));
    assert!(budgets.iter().all(|budget| budget.used == budgets[0].used));
    assert_eq!(site.events().await.len(), budgets.len() * 10);
    budgets[0].used
}

/// Makes `count` calls at once, of which ten reach the provider and all others are told to wait.
async fn crowd(site: &Site, client: &Client, key: &Key, count: usize) {
    site.provider.hold();
    let tasks = TaskTracker::new();
    let call = |_| {
        let (client, secret) = (client.clone(), key.secret.clone());
        tasks.spawn(async move { client.post(CHAT, &secret, &body()).await })
    };
    let calls: Vec<JoinHandle<Reply>> = (0..count).map(call).collect();
    let is_refused = async || calls.iter().filter(|call| call.is_finished()).count() == count - 10;
    until("all but ten are refused", is_refused).await;
    // The last of the ten may still be on its way.
    site.provider.waiting(10).await;
    site.provider.release();
    let mut passed = 0;
    for call in calls {
        let reply = call.await.unwrap();
        if reply.status == 200 {
            passed += 1;
        } else {
            reply.assert_refused(429, "quota_held");
        }
    }
    assert_eq!(passed, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_let_ten_calls_pass_together_and_do_so_soon() {
    let site = Site::new(TestDb::postgres().await, Provider::honest().await, "");
    let old = site.limited(&quota(tokens(10)));
    let processes = site.processes().await;
    let young = site.limited(&quota(tokens(10)));
    for (key, count) in [(young, 200), (old, few_or_many(200, 2000))] {
        site.provider.hold();
        let began = Instant::now();
        let crowd = Persistent::start(&processes, &key, &body(), count);
        site.provider.waiting(10).await;
        let took = began.elapsed();
        assert!(
            took < Duration::from_secs(5),
            "ten were there after {took:?}"
        );
        let enough = 2 * (count - 10);
        let tried = async || crowd.told_to_wait() >= enough;
        until("all others tried twice", tried).await;
        site.provider.waiting(10).await;
        site.provider.release();
        crowd.finish().await;
    }
    processes.into_iter().for_each(Process::stop);
    site.verify();
    let sent = i64::try_from(site.sent().len()).unwrap();
    let mut used = 0;
    for budget in site.budgets().await {
        assert!(budget.used <= tokens(10) && budget.used + tokens(1) > tokens(10));
        assert_eq!(budget.leased, 0);
        used += budget.used;
    }
    assert_eq!(used, sent * USED);
}

async fn a_quota_is_usable_to_the_end_by_calls_without_a_cap(database: TestDb) {
    let site = Site::new(database, spendthrift().await, "");
    use_up(&site, &quota(200_000)).await;
}

async fn a_budget_is_usable_to_the_end_by_calls_without_a_cap(database: TestDb) {
    let site = Site::new(database, spendthrift().await, PRICED);
    use_up(&site, &budget(800_000_000)).await;
}

/// A provider that makes something of every cap: all of it or less.
async fn spendthrift() -> Provider {
    let calls = AtomicUsize::new(0);
    Provider::start(move |seen| spend(seen, calls.fetch_add(1, Ordering::Relaxed))).await
}

fn spend(seen: &Seen, number: usize) -> Script {
    let cap = seen.json()["max_completion_tokens"]
        .as_u64()
        .unwrap_or(16_384);
    let share = 1 + u64::try_from(number % 16).unwrap();
    completion(seen, Usage::new(20, cap * share / 16)).script()
}

/// Clients without a cap call until they are refused for good.
async fn use_up(site: &Site, limits: &[String]) {
    let processes = site.processes().await;
    let key = site.limited(limits);
    let served = Persistent::start(&processes, &key, &chat_body(""), 24)
        .finish()
        .await;
    processes.into_iter().for_each(Process::stop);
    site.verify();
    let budget = site.budget().await;
    let amount = budget.amount.unwrap();
    assert!(budget.used <= amount, "{budget:?}");
    assert!(
        budget.used >= amount * 98 / 100,
        "{budget:?} by {served} calls"
    );
    assert_eq!(budget.leased, 0);
    assert_eq!(site.events().await.len(), served);
    assert_eq!(site.sent().len(), served);
}

async fn a_quota_of_500_tokens_is_usable_by_calls_without_a_cap(database: TestDb) {
    let site = Site::new(database, Provider::honest().await, "");
    let processes = site.processes().await;
    let key = site.limited(&quota(500));
    let body = chat_body("");
    let served = Persistent::start(&processes, &key, &body, 3).finish().await;
    processes.into_iter().for_each(Process::stop);
    site.verify();
    let Budget { used, .. } = site.budget().await;
    assert_eq!(used, i64::try_from(served).unwrap() * USED);
    let least = i64::try_from(body.len()).unwrap() + 128;
    assert!(used <= 500 && used + least > 500, "{used}");
}
