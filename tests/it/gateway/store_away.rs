//! The gateway while its database is away: at the start, and later.

use std::time::{Duration, Instant};

use tollgate::domain::limits::Limits;
use tollgate::domain::time::Clock;
use tollgate::store::keys::{self, KeyPatch};

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::TestDb;
use crate::support::link::Link;

/// A gateway whose way to its database is cut.
async fn cut_off() -> (TestApp, Link) {
    let mut database = TestDb::postgres().await;
    let link = Link::to(&database.url).await;
    database.url = link.url();
    let app = TestApp::with(database, Provider::honest().await, "").await;
    (app, link)
}

fn assert_waits(answer: &Reply) {
    answer.assert_refused(503, "auth_unavailable");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_without_its_database_serves_as_soon_as_it_is_there() {
    let (app, link) = cut_off().await;
    let key = app.key().await;
    assert_eq!(app.client.get("/livez", "").await.status, 200);
    assert_eq!(app.client.get("/readyz", "").await.status, 503);
    assert_waits(&app.client.chat(&key.secret).await);
    assert_eq!(app.sent().len(), 0);
    link.mend();
    let mended = Instant::now();
    app.until("calls are served", async || {
        (app.client.chat(&key.secret).await.status == 200).then_some(())
    })
    .await;
    assert!(mended.elapsed() < Duration::from_secs(2));
    assert_eq!(app.client.get("/readyz", "").await.status, 200);
    app.booked(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_stops_while_it_waits_for_its_database() {
    let (mut app, _link) = cut_off().await;
    let began = Instant::now();
    app.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_keys_work_on_and_readiness_ends_while_the_database_is_away() {
    let (app, link) = cut_off().await;
    let key = app.key().await;
    let stranger = app.key().await;
    link.mend();
    let ready = async |is_ready: bool| {
        app.until("readiness changes", async || {
            let status = app.client.get("/readyz", "").await.status;
            (status.is_success() == is_ready).then_some(())
        })
        .await;
    };
    ready(true).await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    // Once an edit is obeyed, changes are followed, and what is known then stays known.
    let limits = Some(Limits {
        requests_per_minute: Some(1000),
        ..Limits::default()
    });
    let patch = KeyPatch {
        limits: limits.map(Into::into),
        ..KeyPatch::default()
    };
    let edit = keys::update(app.db(), key.id, patch, Clock::default().now());
    edit.await.unwrap();
    app.until("the edit is obeyed", async || {
        let answer = app.client.chat(&key.secret).await;
        answer.header("x-ratelimit-limit-requests").map(|_| ())
    })
    .await;
    link.cut();
    ready(false).await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    assert_waits(&app.client.chat(&stranger.secret).await);
    link.mend();
    ready(true).await;
    app.booked(2).await;
}
