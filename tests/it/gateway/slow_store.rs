//! The gateway while its database answers, but late: calls by known keys do not wait for it, and
//! whatever has to is told so within about a second, once an answer takes longer than that.

use std::time::{Duration, Instant};

use http::Method;
use tollgate::domain::key::PlainKey;
use tollgate::domain::role::Role;

use super::cache::follows_changes;
use super::limits::quota;
use crate::provider::Provider;
use crate::support::app::{TestApp, TestKey};
use crate::support::client::Reply;
use crate::support::db::TestDb;
use crate::support::people::TestToken;
use crate::support::proxy::Proxy;

/// How long a connection to the database is waited for, and as much again for a busy machine.
const SOON: Duration = Duration::from_secs(2);
const CALLS: usize = 40;

/// A gateway that knows its keys, one of them with a quota.
struct Slowed {
    app: TestApp,
    proxy: Proxy,
    keys: [TestKey; 2],
    token: TestToken,
}

impl Slowed {
    async fn start() -> Self {
        let mut database = TestDb::postgres().await;
        let proxy = Proxy::before(&mut database).await;
        let app = TestApp::with(database, Provider::honest().await, "").await;
        follows_changes(&app).await;
        let slowed = Self {
            keys: [app.key().await, app.limited_key(quota(1_000_000)).await],
            token: app.token(Role::Owner).await,
            app,
            proxy,
        };
        // The news of the keys themselves may still come, and drops them from memory.
        follows_changes(&slowed.app).await;
        slowed.call().await;
        slowed
    }

    /// Makes many calls by known keys, all of which are served; the time that half of them took at
    /// most, and the longest.
    async fn call(&self) -> (Duration, Duration) {
        let mut took = Vec::new();
        for key in self.keys.iter().cycle().take(CALLS) {
            let (answer, time) = timed(self.app.client.chat(&key.secret)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            took.push(time);
        }
        took.sort_unstable();
        (took[CALLS / 2], took[CALLS - 1])
    }

    async fn ask(&self, method: Method, body: &str) -> (Reply, Duration) {
        let path = format!("/orgs/{}/keys", self.app.organisation.id);
        timed(self.app.ask(&self.token, method, &path, body)).await
    }

    /// Waits until each call that was sent is booked, once and as the provider counted it.
    async fn is_booked(&self) {
        let sent = self.app.sent().len();
        let booked = self.app.booked(sent).await;
        assert_eq!(booked.len(), sent);
        let tokens: i64 = booked.iter().map(|call| call.total_tokens).sum();
        let counted = self.app.provider.reported().total();
        assert_eq!(tokens, i64::try_from(counted).unwrap());
    }
}

async fn timed<T>(asking: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let answer = asking.await;
    (answer, began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_a_fifth_of_a_second_slows_only_what_needs_it() {
    let slowed = Slowed::start().await;
    let stranger = slowed.app.key().await;
    let delay = Duration::from_millis(200);
    slowed.proxy.slow(delay);
    let (half, _) = slowed.call().await;
    assert!(half < delay, "{half:?}");
    let (answer, took) = timed(slowed.app.client.chat(&stranger.secret)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(took > delay, "{took:?}: the database is not slow");
    slowed.ask(Method::GET, "").await.0.assert_json(200);
    let made = slowed.ask(Method::POST, r#"{"name":"slow"}"#).await.0;
    made.assert_json(201);
    slowed.is_booked().await;
}

/// Each answer of the database takes `delay`.
async fn is_as_good_as_away(delay: Duration) {
    let slowed = Slowed::start().await;
    slowed.proxy.slow(delay);
    let (_, longest) = slowed.call().await;
    assert!(longest < delay, "{longest:?}: a call waited");

    let stranger = PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap());
    let (answer, took) = timed(slowed.app.client.chat(stranger.expose())).await;
    answer.assert_refused(503, "auth_unavailable");
    assert!(answer.header("retry-after").is_some());
    assert!(took < SOON, "refused after {took:?}");
    for (method, body) in [(Method::GET, ""), (Method::POST, r#"{"name":"late"}"#)] {
        let (answer, took) = slowed.ask(method, body).await;
        answer.assert_problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
        assert!(took < SOON, "answered after {took:?}");
    }
    let (_, longest) = slowed.call().await;
    assert!(longest < delay, "{longest:?}: a call waited");

    slowed.proxy.open();
    slowed.is_booked().await;
    let again = slowed.ask(Method::POST, r#"{"name":"again"}"#).await.0;
    again.assert_json(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_two_seconds_is_as_good_as_away() {
    is_as_good_as_away(Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_five_seconds_is_as_good_as_away() {
    is_as_good_as_away(Duration::from_secs(5)).await;
}
