//! Guessing at passwords gets slow, for the account and for the address, and never keeps out for good
//! whose password it is.

use std::time::Duration;

use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::TestDb;
use crate::support::people::PASSWORD;

/// A gateway that believes what `X-Forwarded-For` says, at a time that stands still.
async fn at_rest() -> (TestApp, Clock) {
    let clock = Clock::fixed(Clock::default().now());
    let extra = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let database = TestDb::sqlite().await;
    let app = TestApp::at(clock.clone(), database, Provider::honest().await, extra).await;
    (app, clock)
}

async fn from(app: &TestApp, address: &str, email: &str, password: &str) -> Reply {
    let from = [("x-forwarded-for", address)];
    app.sign_in_as(email, password, &from).await
}

#[tokio::test]
async fn after_a_few_wrong_passwords_the_next_try_has_to_wait() {
    let (app, clock) = at_rest().await;
    let ann = app.person(Role::Owner).await;
    let here = "192.0.2.1";
    for _ in 0..5 {
        let wrong = from(&app, here, &ann.email, "not her password").await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    // The right one too, or waiting would tell which it is.
    for password in ["not her password", PASSWORD] {
        let early = from(&app, here, &ann.email, password).await;
        early.assert_problem(429, "throttled");
        assert_eq!(early.header("retry-after"), Some("2"));
    }
    clock.advance(Duration::from_secs(2));
    from(&app, here, &ann.email, PASSWORD)
        .await
        .assert_json(200);
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_throttled_alike() {
    let (app, _) = at_rest().await;
    for _ in 0..5 {
        let wrong = from(&app, "192.0.2.1", "nobody@example.com", PASSWORD).await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    let early = from(&app, "192.0.2.1", "nobody@example.com", PASSWORD).await;
    early.assert_problem(429, "throttled");
}

#[tokio::test]
async fn guesses_from_many_addresses_do_not_keep_the_owner_out_at_home() {
    let (app, _) = at_rest().await;
    let ann = app.person(Role::Owner).await;
    let home = "198.51.100.7";
    from(&app, home, &ann.email, PASSWORD)
        .await
        .assert_json(200);
    for host in 1..=8 {
        let bot = format!("203.0.113.{host}");
        from(&app, &bot, &ann.email, "not her password").await;
    }
    let elsewhere = from(&app, "203.0.113.99", &ann.email, PASSWORD).await;
    elsewhere.assert_problem(429, "throttled");
    from(&app, home, &ann.email, PASSWORD)
        .await
        .assert_json(200);
}

#[tokio::test]
async fn guesses_at_many_accounts_count_for_their_address() {
    let (app, _) = at_rest().await;
    let ann = app.person(Role::Owner).await;
    let bot = "203.0.113.1";
    for user in 0..20 {
        let email = format!("user{user}@example.com");
        let wrong = from(&app, bot, &email, PASSWORD).await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    let refused = from(&app, bot, &ann.email, PASSWORD).await;
    refused.assert_problem(429, "throttled");
    from(&app, "192.0.2.1", &ann.email, PASSWORD)
        .await
        .assert_json(200);
}

#[tokio::test]
async fn parallel_guesses_do_not_pass_by_the_throttle() {
    let (app, _) = at_rest().await;
    let ann = app.person(Role::Owner).await;
    let guesses = (0..30).map(|_| from(&app, "192.0.2.1", &ann.email, "not her password"));
    let replies = futures_util::future::join_all(guesses).await;
    let checked = replies.iter().filter(|reply| reply.status == 401).count();
    // One more for each hash that is made at once.
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(checked <= 5 + (cores / 4).max(1), "{checked} were checked");
}
