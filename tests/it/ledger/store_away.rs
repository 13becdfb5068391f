//! Postgres goes away under load and comes back: calls go on from what is leased, nothing that
//! happened meanwhile is lost, and nothing is booked twice.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::load::{Clients, Load};
use super::site::{Machine, Process, Site};
use super::{few_or_many, until};
use crate::support::db::TestDb;
use crate::support::postgres::Server;
use crate::support::proxy::Proxy;

/// So long nothing is refused for the lack of a database.
const SERVED: Duration = Duration::from_secs(25);

/// Three processes at work, with room for all that they do.
pub struct Busy {
    site: Site,
    load: Load,
    processes: Vec<Process>,
    clients: Vec<Clients>,
}

impl Busy {
    pub async fn on(database: TestDb) -> Self {
        let site = Site::numbered(database, "").await;
        let key = site.budgeted_key();
        let machines: Vec<Machine> = (0..3).map(|_| site.machine()).collect();
        let processes = join_all(machines.iter().map(Machine::serve)).await;
        let load = Load::default();
        // Each has room from now on.
        for process in &processes {
            let served = load.call(&process.client, &key.secret).await;
            assert!(served.usage.is_some(), "{served:?}");
        }
        let clients = |process| load.on(process, &key, 3);
        let clients = processes.iter().map(clients).collect();
        let busy = Self {
            site,
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

/// Does `damage` for a while, and then makes it good.
pub async fn is_survived(
    what: &str,
    busy: Busy,
    damage: impl AsyncFnOnce(),
    mend: impl AsyncFnOnce(),
) {
    let away = Instant::now();
    damage().await;
    let outage = Duration::from_secs(if few_or_many(0, 1) > 0 { 60 } else { 5 });
    tokio::time::sleep(outage).await;
    busy.assert_served(away, Instant::now());
    mend().await;
    busy.work(100).await;
    let calm = Instant::now();
    busy.work(100).await;
    busy.assert_served(calm, Instant::now());
    busy.finish(what).await;
}

async fn behind_a_proxy() -> (Proxy, Busy) {
    let mut database = TestDb::postgres().await;
    let proxy = Proxy::before(&mut database).await;
    (proxy, Busy::on(database).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_to_the_store_costs_no_call() {
    let (proxy, busy) = behind_a_proxy().await;
    is_survived("cut", busy, async || proxy.cut(), async || proxy.open()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_the_store_that_hang_for_ever_cost_no_call() {
    let (proxy, busy) = behind_a_proxy().await;
    is_survived(
        "stranded",
        busy,
        async || proxy.strand(),
        async || proxy.open(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_stopped_for_a_while_costs_no_call() {
    let Some(server) = Server::start() else {
        return;
    };
    let busy = Busy::on(TestDb::on(&server.url()).await).await;
    is_survived(
        "stopped",
        busy,
        async || server.stop(),
        async || server.resume(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_postgres_costs_no_call() {
    let Some(server) = Server::start() else {
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
