//! Rights that end while whoever had them asks for more: what they ask for comes before the end, or not
//! at all.

use futures_util::future::{join, join_all};
use http::Method;
use serde_json::json;
use tollgate::domain::role::Role;
use tollgate::domain::tenant::KeyStatus;
use tollgate::domain::time::Clock;
use tollgate::store::users::{self, Status};
use tollgate::store::{keys, tokens};

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::{Asker, Person};

on_both_engines!(
    who_is_removed_while_they_make_keys_leaves_none_that_works,
    a_token_that_is_revoked_while_it_makes_others_makes_no_more,
    of_two_operators_who_are_shut_out_at_once_one_stays,
);

/// Asks for the same from many sides, again and again, until it is refused. How often it was not.
async fn until_refused(app: &TestApp, who: &dyn Asker, path: &str, body: &str) -> usize {
    let ask = async || {
        let mut made = 0;
        loop {
            let reply = app.ask(who, Method::POST, path, body).await;
            // So many may find no connection free.
            if reply.status == 503 {
                continue;
            }
            if reply.status != 201 {
                assert!([401, 404].contains(&reply.status.as_u16()), "{reply:?}");
                return made;
            }
            made += 1;
        }
    };
    join_all((0..8).map(|_| ask())).await.into_iter().sum()
}

async fn who_is_removed_while_they_make_keys_leaves_none_that_works(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let (admin, bob) = (
        app.person(Role::Admin).await,
        app.person(Role::Member).await,
    );
    let organisation = app.organisation.id;
    let own = async || {
        let all = keys::list(app.db(), organisation).await.unwrap();
        let own = all.into_iter();
        own.filter(|key| key.owner_id == Some(bob.id.0))
            .collect::<Vec<_>>()
    };
    let path = format!("/orgs/{organisation}/keys");
    let removal = async {
        let many = async || (own().await.len() > 32).then_some(());
        app.until("there are keys", many).await;
        let path = format!("/orgs/{organisation}/members/{}", bob.id);
        app.ask(&admin, Method::DELETE, &path, "").await
    };
    let made = until_refused(&app, &bob, &path, r#"{"name":"mine"}"#);
    let (made, removed) = join(made, removal).await;
    assert_eq!(removed.status, 204);
    let own = own().await;
    assert_eq!(own.len(), made);
    let working = own.iter().filter(|key| key.status == KeyStatus::Active);
    assert_eq!(working.count(), 0, "of {made}");
}

async fn a_token_that_is_revoked_while_it_makes_others_makes_no_more(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let admin = app.person(Role::Admin).await;
    let token = app.token(Role::Admin).await;
    let organisation = app.organisation.id;
    let count = async || {
        let all = tokens::list(app.db(), Some(organisation)).await;
        all.unwrap().len()
    };
    let path = format!("/orgs/{organisation}/tokens");
    let revocation = async {
        let many = async || (count().await > 32).then_some(());
        app.until("there are tokens", many).await;
        let path = format!("{path}/{}", token.id);
        let revoked = app.ask(&admin, Method::DELETE, &path, "").await;
        assert_eq!(revoked.status, 204);
        count().await
    };
    let made = until_refused(&app, &token, &path, r#"{"name":"heir","role":"admin"}"#);
    let (made, after) = join(made, revocation).await;
    assert_eq!((count().await, after), (made, made));
}

async fn of_two_operators_who_are_shut_out_at_once_one_stays(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let (ann, bob) = (app.operator().await, app.operator().await);
    let (one, other) = (app.operator_token().await, app.operator_token().await);
    let shut_out = async |who: &dyn Asker, person: &Person| {
        let body = json!({"status": "disabled"}).to_string();
        let path = format!("/users/{}", person.id);
        let reply = app.ask(who, Method::PATCH, &path, &body).await;
        reply.status.as_u16()
    };
    for _ in 0..10 {
        let (first, second) = join(shut_out(&one, &ann), shut_out(&other, &bob)).await;
        let mut statuses = [first, second];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        for person in [&ann, &bob] {
            let now = Clock::default().now();
            let back = users::set_status(app.db(), person.id, Status::Active, None, now);
            back.await.unwrap();
        }
    }
}
