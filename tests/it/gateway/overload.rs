//! More than this process takes on: refused at once, and over as soon as there is room.

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::limits::{at_once, statuses};
use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::{CHAT, Opened, chat_body};
use crate::support::db::TestDb;
use crate::support::h2::H2;

async fn app(server: &str) -> TestApp {
    let extra = format!("[server]\n{server}");
    TestApp::with(TestDb::sqlite().await, Provider::honest().await, &extra).await
}

#[tokio::test]
async fn calls_that_go_on_without_their_clients_fill_the_gateway_and_probes_still_answer() {
    let app = app("max_calls = 4").await;
    let key = app.key().await;
    app.provider.hold();
    let mut client = H2::connect(&app.client).await;
    let calls: Vec<_> = (0..4)
        .map(|_| TaskTracker::new().spawn(client.chat(&key.secret, chat_body(""))))
        .collect();
    app.provider.waiting(4).await;
    calls.iter().for_each(JoinHandle::abort);
    let refused = client.chat(&key.secret, chat_body("")).await.unwrap();
    let refused = Opened(refused).read().await;
    refused.assert_refused(503, "overloaded");
    assert_eq!(refused.json()["error"]["type"], "service_unavailable_error");
    assert_eq!(refused.header("retry-after"), Some("1"));
    for probe in ["/livez", "/readyz"] {
        assert_eq!(app.client.get(probe, "").await.status, 200, "{probe}");
    }
    assert_eq!(app.client.get("/v1/models", &key.secret).await.status, 200);
    assert_eq!(app.provider.held(), 4);
    app.provider.release();
    app.until("calls are taken on again", async || {
        (app.client.chat(&key.secret).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn bodies_beyond_what_may_be_buffered_are_refused_and_small_ones_pass() {
    let app = app("max_body_bytes = 10000\nmax_buffered_bytes = 10000").await;
    let key = app.key().await;
    let body = |bytes: usize| chat_body(&format!(r#","user":"{}""#, "x".repeat(bytes)));
    app.provider.hold();
    let first = at_once(&app, &key, 1, &body(8000));
    app.provider.waiting(1).await;
    let refused = app.client.post(CHAT, &key.secret, &body(8000)).await;
    refused.assert_refused(503, "overloaded");
    let second = at_once(&app, &key, 1, &body(100));
    app.provider.waiting(2).await;
    app.provider.release();
    assert_eq!(statuses(first).await, [200]);
    assert_eq!(statuses(second).await, [200]);
    let answer = app.client.post(CHAT, &key.secret, &body(8000)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
