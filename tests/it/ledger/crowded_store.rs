//! A Postgres that has no connection left: calls go on from what is leased, whoever needs a connection
//! asks again with pauses, and nothing crashes.

use std::time::Instant;

use sqlx::{Connection, PgConnection};

use super::load::Load;
use super::site::Site;
use super::store_away::{Busy, is_survived};
use super::until;
use crate::operation::report;
use crate::support::client::CHAT;
use crate::support::client::chat_body;
use crate::support::db::TestDb;
use crate::support::postgres::Server;
use crate::support::proxy::Proxy;

/// Fewer than three gateways would take if they could.
const FEW: &str = "-c max_connections=30";
/// Of them, none may be a gateway's.
const GATEWAYS: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'tollgate'";
const END_THEM: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'tollgate'";
/// How often a second a gateway that finds no connection may ask for one.
const A_SECOND: f64 = 50.0;

/// All connections that a server has.
struct Crowd(Vec<PgConnection>);

impl Crowd {
    async fn on(server: &Server) -> Self {
        let mut first = PgConnection::connect(&server.url()).await.unwrap();
        let mut all = Vec::new();
        loop {
            sqlx::query(END_THEM).execute(&mut first).await.unwrap();
            while let Ok(one) = PgConnection::connect(&server.url()).await {
                all.push(one);
            }
            let left: i64 = sqlx::query_scalar(GATEWAYS)
                .fetch_one(&mut first)
                .await
                .unwrap();
            if left == 0 {
                all.push(first);
                return Self(all);
            }
        }
    }

    async fn leave(self) {
        for one in self.0 {
            one.close().await.unwrap();
        }
    }
}

/// How often connections are asked for, by `gateways` of them.
struct Asked<'a> {
    proxy: &'a Proxy,
    since: Instant,
    before: usize,
    gateways: f64,
}

impl<'a> Asked<'a> {
    fn of(gateways: f64, proxy: &'a Proxy) -> Self {
        Self {
            proxy,
            since: Instant::now(),
            before: proxy.accepted(),
            gateways,
        }
    }

    /// Fails if that is too often.
    fn assert_seldom(&self) {
        let count = u32::try_from(self.proxy.accepted() - self.before).unwrap();
        let rate = f64::from(count) / self.since.elapsed().as_secs_f64() / self.gateways;
        report(&format!(
            "{rate:.1} connections asked for in a second by each"
        ));
        assert!(rate < A_SECOND, "{rate} a second");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_without_a_free_connection_costs_no_call() {
    let Some(server) = Server::with(FEW) else {
        return;
    };
    let mut database = TestDb::on(&server.url()).await;
    let proxy = Proxy::before(&mut database).await;
    let busy = Busy::on(database).await;
    let crowd = Crowd::on(&server).await;
    let asked = Asked::of(3.0, &proxy);
    let leave = async || {
        asked.assert_seldom();
        crowd.leave().await;
    };
    is_survived("crowded out", busy, async || {}, leave).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_finds_no_free_connection_waits_for_one_with_pauses() {
    let Some(server) = Server::with(FEW) else {
        return;
    };
    let mut database = TestDb::on(&server.url()).await;
    let proxy = Proxy::before(&mut database).await;
    let site = Site::numbered(database, "").await;
    let key = site.budgeted_key();
    let crowd = Crowd::on(&server).await;

    let machine = site.machine();
    let asked = Asked::of(1.0, &proxy);
    let process = machine.launch(&[]);
    for _ in 0..3 {
        process.says("waiting for the store");
        assert!(!process.is_ready().await);
        let refused = process.client.post(CHAT, &key.secret, &chat_body("")).await;
        refused.assert_refused(503, "auth_unavailable");
    }
    asked.assert_seldom();
    crowd.leave().await;
    process.ready().await;
    let load = Load::default();
    let clients = load.on(&process, &key, 4);
    until("calls are served", async || load.served() >= 100).await;
    clients.stop().await;
    process.stop();
    site.audit(&load.made()).await;
}
