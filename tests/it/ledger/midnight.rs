//! A period ends while calls are in flight: they count for the period in which they began, and the
//! next one begins whole, in every process at once. Midnight comes when the database says so, which on
//! `SQLite` is when the machine does.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use tollgate::domain::quota::Period;
use tollgate::domain::time::Clock;
use tollgate::store::Db;

use super::site::{Machine, Process, Site};
use super::until;
use crate::provider::{EventStream, Gate, Provider, Usage, completion, sse};
use crate::support::client::{CHAT, Reply, chat_body};
use crate::support::db::TestDb;

/// Calls that a key may make a day.
const A_DAY: usize = 6;
/// How long the last day goes on once the database's clock was set: enough to start two processes.
const LEFT: Duration = Duration::from_secs(20);

const USED: &str = "SELECT used FROM budgets WHERE unit = 'requests' ORDER BY period_start";

impl TestDb {
    /// Sets the clock that all other connections see from now on.
    async fn set_clock(&self, ahead: Duration) {
        let Db::Postgres(pool) = &self.db else {
            unreachable!("a SQLite file has no clock")
        };
        let (_, name) = self.url.rsplit_once('/').unwrap();
        let clock = format!(
            "CREATE FUNCTION public.clock_timestamp() RETURNS TIMESTAMPTZ VOLATILE LANGUAGE SQL
             AS 'SELECT pg_catalog.clock_timestamp() + INTERVAL ''{} milliseconds'''",
            ahead.as_millis()
        );
        let first = format!("ALTER DATABASE {name} SET search_path = public, pg_catalog");
        for change in [clock, first] {
            sqlx::query(AssertSqlSafe(change))
                .execute(pool)
                .await
                .unwrap();
        }
    }
}

/// What shows a process another time than the machine's, where it is installed.
fn faketime() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TOLLGATE_FAKETIME") {
        return Some(named.into());
    }
    let libraries = PathBuf::from("/usr/lib").read_dir().ok()?.flatten();
    let mut found = libraries.map(|one| one.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|library| library.is_file())
}

/// How far ahead a clock is whose day ends in a moment.
fn nearly_a_day() -> Duration {
    let now = Clock::default().now();
    let start = Period::Day.start(now);
    let left = Period::Day.end(start).unwrap().since(now);
    left.saturating_sub(LEFT)
}

/// Streams wait at the gate.
fn answers(gate: &Gate) -> impl Fn(&crate::provider::Seen) -> crate::provider::Script + use<> {
    let gate = gate.clone();
    move |seen| {
        let usage = Usage::new(11, 7);
        if !seen.wants_stream() {
            return completion(seen, usage).script();
        }
        let rest = [sse::usage(usage), sse::done()];
        let begun = EventStream::of([sse::chunk("1234")]).gate(&gate);
        rest.into_iter().fold(begun, EventStream::frame).finish()
    }
}

/// Makes `count` calls in turn, each as often as it takes until it is served.
async fn serve(processes: &[Process], secret: &str, count: usize) {
    for process in processes.iter().cycle().take(count) {
        until("the call is served", async || {
            let reply = call(process, secret).await;
            reply.status == 200 || reply.code() != "quota_held"
        })
        .await;
    }
}

async fn call(process: &Process, secret: &str) -> Reply {
    process.client.post(CHAT, secret, &chat_body("")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_midnight_count_for_the_day_in_which_they_began() {
    let days = Days::on(TestDb::postgres().await).await;
    days.site.database.set_clock(nearly_a_day()).await;
    let machines = [days.site.machine(), days.site.machine()];
    let processes = [machines[0].serve().await, machines[1].serve().await];
    days.pass(processes.into()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_the_machines_midnight_count_for_the_day_in_which_they_began() {
    let Some(faketime) = faketime() else {
        say("skipped: libfaketime is not installed");
        return;
    };
    let days = Days::on(TestDb::sqlite().await).await;
    let ahead = format!("+{}", nearly_a_day().as_secs_f64());
    let environment = [
        ("LD_PRELOAD", faketime.to_str().unwrap()),
        ("FAKETIME", &ahead),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let machine: Machine = days.site.machine();
    let process = machine.serve_with(&environment).await;
    days.pass(vec![process]).await;
}

#[expect(clippy::print_stdout, reason = "what is skipped is said")]
fn say(words: &str) {
    println!("{words}");
}

/// A site whose streams wait for tomorrow, and a key with a limit a day.
struct Days {
    gate: Gate,
    site: Site,
    secret: String,
}

impl Days {
    async fn on(database: TestDb) -> Self {
        let gate = Gate::closed();
        let provider = Provider::start(answers(&gate)).await;
        let site = Site::new(database, provider, "");
        let limit = A_DAY.to_string();
        let a_day = [
            "--rpd",
            &limit,
            "--quota",
            "1000000",
            "--quota-period",
            "day",
        ];
        Self {
            gate,
            secret: site.key(&a_day).secret,
            site,
        }
    }

    /// Midnight comes while a call of each of `processes` is in flight.
    async fn pass(self, processes: Vec<Process>) {
        let body = chat_body(r#","stream":true"#);
        let mut streams = Vec::new();
        for process in &processes {
            let mut stream = process.client.open(CHAT, &self.secret, &body).await;
            let first = stream.next().await;
            first.expect("the stream begins before midnight");
            streams.push(stream);
        }
        serve(&processes, &self.secret, A_DAY - processes.len()).await;
        let refused = call(&processes[0], &self.secret).await;
        refused.assert_refused(429, "quota_held");
        // The first of these is served when it is tomorrow.
        serve(&processes, &self.secret, A_DAY).await;
        let refused = call(&processes[0], &self.secret).await;
        refused.assert_refused(429, "insufficient_quota");
        self.gate.release();
        for stream in streams {
            assert!(stream.read().await.text().ends_with("data: [DONE]\n\n"));
        }
        processes.into_iter().for_each(Process::stop);
        self.are_whole().await;
    }

    /// Fails unless each day was used as a whole.
    async fn are_whole(&self) {
        let used: Vec<i64> = match &self.site.database.db {
            Db::Postgres(pool) => sqlx::query_scalar(USED).fetch_all(pool).await.unwrap(),
            Db::Sqlite(pools) => {
                let used = sqlx::query_scalar(USED).fetch_all(pools.writer());
                used.await.unwrap()
            }
        };
        let whole = i64::try_from(A_DAY).unwrap();
        assert_eq!(used, [whole, whole]);
        let by_day = ["usage", "--org", super::site::ORGANISATION, "--by", "day"];
        let by_day = self.site.run(&by_day);
        let days = by_day["data"].as_array().unwrap().iter();
        let days: Vec<i64> = days.map(|row| row["requests"].as_i64().unwrap()).collect();
        assert_eq!(days, [whole, whole]);
        let budgets = self.site.budgets().await;
        assert!(budgets.iter().all(|budget| budget.leased == 0));
        self.site.verify();
    }
}
