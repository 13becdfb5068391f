//! Postgres goes away under load and comes back: calls go on from what is leased, nothing that
//! happened meanwhile is lost, and nothing is booked twice.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::load::{Clients, Load};
use super::site::{Key, Machine, Process, Site};
use super::{few_or_many, until};
use crate::support::db::TestDb;
use crate::support::postgres::Server;
use crate::support::proxy::Proxy;

/// So long nothing is refused for the lack of a database.
const SERVED: Duration = Duration::from_secs(25);

/// Three processes at work, with room for all that they do.
struct Busy {
    site: Site,
    key: Key,
    load: Load,
    processes: Vec<Process>,
    clients: Vec<Clients>,
}

impl Busy {
    async fn on(database: TestDb) -> Self {
        let site = Site::numbered(database, "").await;
        let key = site.budgeted_key();
        let machines: Vec<Machine> = (0..3).map(|_| site.machine()).collect();
        let processes = join_all(machines.iter().map(Machine::serve)).await;
        let load = Load::default();
        let clients = |process| load.on(process, &key, 3);
        let clients = processes.iter().map(clients).collect();
        let busy = Self {
            site,
            key,
            load,
            processes,
            clients,
        };
        busy.work(100).await;
        busy
    }

    /// Waits until so many more calls were served.
    async fn work(&self, calls: usize) {
        let served = || self.served(|_| true);
        let enough = served() + calls;
        until("calls are served", async || served() >= enough).await;
    }

    fn served(&self, when: impl Fn(Instant) -> bool) -> usize {
        let made = self.load.made();
        let served = made.iter().filter(|made| made.usage.is_some());
        served.filter(|made| when(made.at)).count()
    }

    /// Fails unless what was refused between two instants was refused late and in the right way.
    fn assert_served(&self, from: Instant, to: Instant) {
        let made = self.load.made();
        let meanwhile = made.iter().filter(|made| made.at >= from && made.at < to);
        for made in meanwhile.filter(|made| made.usage.is_none()) {
            assert!(made.at > from + SERVED && made.status == 503, "{made:?}");
        }
        assert!(self.served(|at| at >= from && at < to) > 0);
    }

    /// Ends all; fails unless everything is booked as it was.
    async fn finish(self, what: &str) {
        join_all(self.clients.into_iter().map(Clients::stop)).await;
        self.processes.into_iter().for_each(Process::stop);
        self.site.audit(&self.load.made()).await.print(what);
        let budgets = self.site.budgets().await;
        assert!(budgets.iter().all(|budget| budget.leased == 0));
    }
}

/// Does `damage` to the way to Postgres for a while.
async fn is_survived(what: &str, damage: impl Fn(&Proxy)) {
    let mut database = TestDb::postgres().await;
    let proxy = Proxy::before(&mut database).await;
    let busy = Busy::on(database).await;
    let away = Instant::now();
    damage(&proxy);
    tokio::time::sleep(Duration::from_secs(if few_or_many(0, 1) > 0 {
        60
    } else {
        5
    }))
    .await;
    busy.assert_served(away, Instant::now());
    proxy.open();
    busy.work(100).await;
    let calm = Instant::now();
    busy.work(100).await;
    busy.assert_served(calm, Instant::now());
    busy.finish(what).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_to_the_store_costs_no_call() {
    is_survived("cut", Proxy::cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_the_store_that_hang_for_ever_cost_no_call() {
    is_survived("stranded", Proxy::strand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_postgres_costs_no_call() {
    let Some(server) = Server::start().await else {
        return;
    };
    let busy = Busy::on(TestDb::on(&server.url()).await).await;
    for _ in 0..few_or_many(2, 20) {
        let away = Instant::now();
        server.crash();
        busy.assert_served(away, Instant::now());
        busy.work(100).await;
    }
    busy.finish("crashes of Postgres").await;
}
