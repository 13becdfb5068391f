//! Machines whose clock is wrong: periods are the database's, nothing is refilled and nobody locked
//! out.

use std::time::Duration;

use tollgate::domain::limits::{Limits, TokenQuota, TokenUnit};
use tollgate::domain::quota::Period;
use tollgate::domain::time::Clock;
use tollgate::store::Db;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::{CHAT, Client, chat_body};
use crate::support::db::TestDb;

const DAY: Duration = Duration::from_hours(24);
const CAP: i64 = 100;

/// Room for about five calls a day.
fn daily() -> Limits {
    let body = i64::try_from(chat_body("").len()).unwrap();
    Limits {
        quota: Some(TokenQuota {
            unit: TokenUnit::Tokens,
            amount: body + 2 * CAP,
            period: Period::Day,
        }),
        ..Limits::default()
    }
}

/// How many calls are served until one is refused for good.
async fn served(client: &Client, secret: &str) -> i64 {
    let body = chat_body(&format!(r#","max_tokens":{CAP}"#));
    let mut served = 0;
    loop {
        let reply = client.post(CHAT, secret, &body).await;
        if reply.status == 200 {
            served += 1;
        } else if reply.code() == "quota_held" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        } else {
            reply.assert_refused(429, "insufficient_quota");
            return served;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_is_a_day_off_shares_the_quota_of_the_databases_day() {
    let now = Clock::default().now();
    for shown in [now.minus(DAY), now.plus(DAY)] {
        let (database, provider) = (TestDb::postgres().await, Provider::honest().await);
        let app = TestApp::at(Clock::running(shown), database, provider, "").await;
        let right = app.neighbour().await;
        let key = app.limited_key(daily()).await;
        let wrong_first = served(&app.client, &key.secret).await;
        assert!(wrong_first > 0, "nobody is locked out");
        assert_eq!(
            served(&right.client, &key.secret).await,
            0,
            "nothing is refilled"
        );
        let calls = app.booked(usize::try_from(wrong_first).unwrap()).await;
        let minute = Duration::from_mins(5);
        assert!(
            calls
                .iter()
                .all(|call| call.at.since(now) < minute && now.since(call.at) < minute)
        );
        let Db::Postgres(pool) = app.db() else {
            unreachable!()
        };
        let periods = "SELECT COUNT(DISTINCT period_start) FROM budgets WHERE period = 'day'";
        let periods: i64 = sqlx::query_scalar(periods).fetch_one(pool).await.unwrap();
        assert_eq!(periods, 1);
    }
}
