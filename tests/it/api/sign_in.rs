//! Signing in and out, and what those who cannot learn from trying.

use std::time::{Duration, Instant};

use http::Method;
use tollgate::domain::role::Role;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::TestDb;
use crate::support::people::{PASSWORD, Person};

#[tokio::test]
async fn a_session_lasts_until_its_owner_signs_out() {
    let app = TestApp::start().await;
    let ann = app.person(Role::Viewer).await;
    let upper = ann.email.to_uppercase();
    let signed_in = app.sign_in_as(&upper, PASSWORD, &[]).await;
    let me = signed_in.assert_json(200);
    assert_eq!(me["user"]["email"], ann.email.as_str());
    assert_eq!(me["user"]["operator"], false);
    assert_eq!(me["organizations"][0]["name"], "Acme");
    assert_eq!(me["organizations"][0]["role"], "viewer");
    let ann = ann.with(signed_in.cookie());
    assert_eq!(app.look(&ann, "/me").await.assert_json(200), me);
    let out = app.ask(&ann, Method::DELETE, "/session", "").await;
    assert_eq!(out.status, 204);
    assert!(
        out.header("set-cookie")
            .unwrap()
            .contains("=; Path=/; Max-Age=0")
    );
    app.look(&ann, "/me")
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http() {
    let database = TestDb::sqlite().await;
    let extra = "[server]\npublic_url = \"https://gate.example\"";
    let app = TestApp::with(database, Provider::honest().await, extra).await;
    let ann = app.person(Role::Viewer).await;
    let own = [("origin", "https://gate.example")];
    let signed_in = app.sign_in_as(&ann.email, PASSWORD, &own).await;
    let cookie = signed_in.header("set-cookie").unwrap();
    let (pair, flags) = cookie.split_once(';').unwrap();
    assert!(pair.starts_with("__Host-tollgate_session="), "{cookie}");
    let expected = " Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(flags, expected);
    let known = ann.with(signed_in.cookie());
    app.look(&known, "/me").await.assert_json(200);
    // The name that any neighbouring host could plant.
    let planted = pair.strip_prefix("__Host-").unwrap();
    let planted = ann.with(Some(planted.to_owned()));
    app.look(&planted, "/me")
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_session_that_was_planted_before_is_not_the_one_after() {
    let app = TestApp::start().await;
    let ann = app.person(Role::Viewer).await;
    let secret = "A".repeat(43);
    let planted = ann.with(Some(format!("tollgate_session={secret}")));
    let begin = async |had: &Person| -> Person {
        let cookie = [("cookie", had.cookie.as_str())];
        let reply = app.sign_in_as(&ann.email, PASSWORD, &cookie).await;
        ann.with(reply.cookie())
    };
    let first = begin(&planted).await;
    assert_ne!(first.cookie, planted.cookie);
    app.look(&planted, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    let second = begin(&first).await;
    assert_ne!(second.cookie, first.cookie);
    app.look(&first, "/me")
        .await
        .assert_problem(401, "unauthenticated");
    app.look(&second, "/me").await.assert_json(200);
}

#[tokio::test]
async fn who_has_no_account_reads_the_same_as_whose_password_is_wrong() {
    let app = TestApp::start().await;
    let ann = app.person(Role::Owner).await;
    let body = |reply: &Reply| {
        reply.assert_problem(401, "invalid_credentials");
        let mut headers = reply.headers.clone();
        for own in ["x-request-id", "request-id", "date"] {
            headers.remove(own);
        }
        (headers, reply.body.clone())
    };
    let wrong = app.sign_in_as(&ann.email, "not her password", &[]).await;
    let unknown = app.sign_in_as("nobody@example.com", PASSWORD, &[]).await;
    assert_eq!(body(&wrong), body(&unknown));
}

#[tokio::test]
async fn who_has_no_account_waits_as_long_as_whose_password_is_wrong() {
    let app = TestApp::start().await;
    let ann = app.person(Role::Owner).await;
    let timed = async |email: &str| {
        let began = Instant::now();
        let reply = app.sign_in_as(email, "not her password", &[]).await;
        reply.assert_problem(401, "invalid_credentials");
        began.elapsed()
    };
    let (mut wrong, mut unknown) = (Duration::MAX, Duration::MAX);
    for round in 0..4 {
        wrong = wrong.min(timed(&ann.email).await);
        let nobody = format!("nobody{round}@example.com");
        unknown = unknown.min(timed(&nobody).await);
    }
    // The hash takes tens of milliseconds, all the rest a few.
    assert!(unknown > wrong / 2, "{unknown:?} and {wrong:?}");
    assert!(wrong > unknown / 2, "{unknown:?} and {wrong:?}");
}

#[tokio::test]
async fn who_has_no_password_yet_cannot_sign_in_with_any() {
    let app = TestApp::start().await;
    let new = tollgate::store::users::NewUser {
        email: "new@example.com",
        name: "New",
        password: None,
        is_operator: false,
    };
    let now = tollgate::domain::time::Clock::default().now();
    let created = tollgate::store::users::create(app.db(), new, None, now).await;
    created.unwrap();
    for password in ["", PASSWORD] {
        let refused = app.sign_in_as("new@example.com", password, &[]).await;
        refused.assert_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn many_sign_in_at_once() {
    let app = TestApp::start().await;
    let ann = app.person(Role::Viewer).await;
    let all = (0..20).map(|_| app.sign_in_as(&ann.email, PASSWORD, &[]));
    for reply in futures_util::future::join_all(all).await {
        reply.assert_json(200);
    }
}
