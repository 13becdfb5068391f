//! A journal that cannot grow: calls are refused before they are sent, nothing that was sent is lost,
//! and as soon as there is room again calls are served, without a restart.

use super::load::Load;
use super::site::{Machine, Process, Site};
use super::until;
use crate::support::db::TestDb;
use crate::support::proxy::Proxy;
use crate::support::tmpfs::Tmpfs;

const CLIENTS: usize = 8;
const MEGABYTE: u64 = 1024 * 1024;
/// Segments of 64 KB.
const SMALL_JOURNAL: &str = "[ledger]\njournal_max_bytes = 1048576";
/// Segments of 1 MB; four of them may be kept although all in them is booked.
const LARGE_JOURNAL: &str = "[ledger]\njournal_max_bytes = 16777216";

/// One process at work, with room for all that it does.
pub struct Busy {
    pub site: Site,
    pub load: Load,
    pub process: Process,
    clients: super::load::Clients,
}

impl Busy {
    pub async fn on(site: Site, machine: &Machine) -> Self {
        let key = site.budgeted_key();
        let process = machine.serve().await;
        let load = Load::default();
        let clients = load.on(&process, &key, CLIENTS);
        let busy = Self {
            site,
            load,
            process,
            clients,
        };
        busy.serves().await;
        busy
    }

    /// Waits until many more calls were served.
    pub async fn serves(&self) {
        let enough = self.served() + 100;
        until("calls are served", async || self.served() >= enough).await;
    }

    fn served(&self) -> usize {
        let made = self.load.made();
        made.iter().filter(|made| made.usage.is_some()).count()
    }

    /// Waits until calls are refused because nothing can be written down.
    async fn refuses(&self) {
        let is_refused = async || {
            let made = self.load.made();
            let last = made.iter().rev().take(CLIENTS);
            last.filter(|made| made.code == "ledger_unavailable")
                .count()
                == CLIENTS
        };
        until("calls are refused", is_refused).await;
        until("calls are not welcome", async || {
            !self.process.is_ready().await
        })
        .await;
    }

    /// Ends all; fails unless everything is booked as it was, and nothing was refused for any other
    /// reason.
    pub async fn finish(self) {
        self.clients.stop().await;
        self.process.stop();
        let made = self.load.made();
        self.site.audit(&made).await;
        let refused = made.iter().filter(|made| made.usage.is_none());
        for made in refused {
            assert_eq!(made.code, "ledger_unavailable", "{made:?}");
            assert_eq!(made.status, 503);
        }
        let budgets = self.site.budgets().await;
        assert!(budgets.iter().all(|budget| budget.leased == 0));
    }
}

/// A site whose way to its store can be cut.
async fn with_proxy(config: &str) -> (Site, Proxy) {
    let mut database = TestDb::postgres().await;
    let proxy = Proxy::before(&mut database).await;
    (Site::numbered(database, config).await, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_is_full_refuses_calls_until_the_store_is_back() {
    let (site, proxy) = with_proxy(SMALL_JOURNAL).await;
    let machine = site.machine();
    let busy = Busy::on(site, &machine).await;
    for _ in 0..2 {
        proxy.cut();
        busy.refuses().await;
        proxy.open();
        busy.serves().await;
        busy.process.ready().await;
    }
    busy.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_refuses_calls_until_there_is_room_again() {
    let (site, proxy) = with_proxy(SMALL_JOURNAL).await;
    let machine = site.machine();
    let Some(disk) = Tmpfs::at(&machine.data(), MEGABYTE) else {
        return;
    };
    let busy = Busy::on(site, &machine).await;
    proxy.cut();
    disk.fill();
    busy.refuses().await;
    disk.empty();
    busy.serves().await;
    proxy.open();
    busy.serves().await;
    busy.process.ready().await;
    busy.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_is_no_reason_to_refuse_calls_while_the_store_takes_them() {
    let site = Site::numbered(TestDb::sqlite().await, LARGE_JOURNAL).await;
    let machine = site.machine();
    let Some(_disk) = Tmpfs::at(&machine.data(), 3 * MEGABYTE + MEGABYTE / 2) else {
        return;
    };
    let busy = Busy::on(site, &machine).await;
    // More than the disk takes.
    until("many calls are served", async || busy.served() >= 6000).await;
    let made = busy.load.made();
    assert!(made.iter().all(|made| made.usage.is_some()));
    busy.finish().await;
}
