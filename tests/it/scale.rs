//! A hundred thousand keys and five million calls in one organisation, as a large tenant has after a
//! month: what people look at stays quick, and calls do not notice that they look. Times are printed,
//! not judged; plans are judged.

mod latency;
mod plans;
mod seed;
mod watch;

use std::time::Duration;

use tollgate::domain::role::Role;
use tollgate::domain::tenant::{KeyId, OrganisationId};
use tollgate::domain::time::Clock;
use tollgate::store::keys::{self, PageQuery, Sort};
use tollgate::store::ledger_check::verify;
use tollgate::store::usage::{self, CallsQuery, Group, Of, UsageQuery};

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::TestDb;
use crate::support::people::TestToken;

use plans::Plans;
use seed::{Seeded, Size};

/// What a run of seconds can hold; plans are not judged by it.
const FEW: Size = Size {
    keys: 500,
    calls: 10_000,
};

/// What the long run holds.
const MANY: Size = Size {
    keys: 100_000,
    calls: 5_000_000,
};

fn is_long() -> bool {
    std::env::var_os("TOLLGATE_TEST_LONG").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_charts_of_a_large_organisation_read_little() {
    let size = if is_long() { MANY } else { FEW };
    let test = TestDb::postgres().await;
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let seeded = seed::fill(&app, size).await;
    assert_eq!(verify(app.db()).await.unwrap(), []);
    the_sums_agree(&app, size).await;
    charts_read_no_calls(&app, &seeded, is_long()).await;
    lists_read_a_page(&app, is_long()).await;
    watch::all(&app, &seeded, is_long()).await;
    latency::beside_lists(&app, is_long()).await;
}

fn lately() -> UsageQuery {
    let now = Clock::default().now();
    UsageQuery {
        from: Some(now.minus(Duration::from_hours(24 * 30))),
        to: Some(now),
        ..UsageQuery::default()
    }
}

/// By project and by key, everything is summed once.
async fn the_sums_agree(app: &TestApp, size: Size) {
    for by in [vec![Group::Day], vec![Group::Key]] {
        let query = UsageQuery {
            by,
            ..UsageQuery::default()
        };
        let rows = usage::usage(app.db(), app.organisation.id, query).await;
        let requests: i64 = rows.unwrap().iter().map(|row| row.requests).sum();
        assert_eq!(requests, size.calls);
    }
}

/// Charts of the organisation read sums without keys, those of a key its own sums.
async fn charts_read_no_calls(app: &TestApp, seeded: &Seeded, is_judged: bool) {
    let plans = Plans::of(app, async |db, organisation| {
        for by in [Group::Day, Group::Hour, Group::Model, Group::Project] {
            let query = UsageQuery {
                by: vec![by],
                ..lately()
            };
            usage::usage(db, organisation, query).await.unwrap();
        }
    });
    let plans = plans.await;
    plans.show("a chart of the organisation");
    plans.never_read(&["events", "kinds", "rollups_hourly"]);
    let key = KeyId(seeded.key);
    let plans = Plans::of(app, async |db, organisation| {
        let query = UsageQuery {
            by: vec![Group::Day],
            of: Of::Key(key),
            ..lately()
        };
        usage::usage(db, organisation, query).await.unwrap();
    });
    let plans = plans.await;
    plans.show("a chart of a key");
    plans.never_read(&["events", "kinds"]);
    if is_judged {
        plans.never_scan(&["rollups_hourly", "rollups_of_projects", "keys"]);
    }
}

/// Lists walk an index as far as a page goes, and the log of calls likewise.
async fn lists_read_a_page(app: &TestApp, is_judged: bool) {
    for sort in [Sort::Created, Sort::Name, Sort::LastUsed, Sort::Usage] {
        let plans = Plans::of(app, async |db, organisation| {
            let query = page(organisation, sort);
            let (keys, _) = keys::page(db, &query).await.unwrap();
            let keys: Vec<_> = keys.into_iter().map(|(key, _)| key).collect();
            keys::standings(db, &keys, query.now).await.unwrap();
        });
        let plans = plans.await;
        plans.show(&format!("a page of keys by {sort:?}"));
        plans.never_read(&["events", "kinds"]);
        if is_judged {
            plans.never_scan(&[
                "keys",
                "key_secrets",
                "key_uses",
                "rollups_hourly",
                "budgets",
            ]);
        }
    }
    for sort in [Sort::Created, Sort::Name] {
        let plans = Plans::of(app, async |db, organisation| {
            let query = PageQuery {
                search: Some("zzzz".to_owned()),
                ..page(organisation, sort)
            };
            assert!(keys::page(db, &query).await.unwrap().0.is_empty());
        });
        let plans = plans.await;
        plans.show(&format!("a search of keys by {sort:?}"));
        if is_judged {
            plans.never_scan(&["keys", "key_secrets", "key_uses"]);
            plans.must_have("Index Only Scan");
        }
    }
    let plans = Plans::of(app, async |db, organisation| {
        let query = CallsQuery::default();
        usage::calls_page(db, organisation, &query, None, 1000)
            .await
            .unwrap();
    });
    let plans = plans.await;
    plans.show("the first calls of a report");
    if is_judged {
        plans.never_scan(&["events", "kinds"]);
    }
    let plans = Plans::of(app, async |db, organisation| {
        let query = CallsQuery {
            model: Some("no-such-model".to_owned()),
            status: Some((404, 404)),
            ..CallsQuery::default()
        };
        let found = usage::calls_page(db, organisation, &query, None, 50).await;
        assert!(found.unwrap().0.is_empty());
    });
    let plans = plans.await;
    plans.show("calls that do not occur");
    if is_judged {
        plans.must_have("Index Only Scan Backward using kinds_looks");
        plans.never_scan(&["events", "kinds"]);
    }
}

fn page(organisation: OrganisationId, sort: Sort) -> PageQuery {
    PageQuery {
        organisation,
        owner: None,
        search: None,
        status: None,
        project: None,
        model: None,
        finding: None,
        sort,
        descending: true,
        after: None,
        limit: 50,
        now: Clock::default().now(),
    }
}

/// Whoever looks.
async fn admin(app: &TestApp) -> TestToken {
    app.token(Role::Admin).await
}

/// Passwords cost tens of milliseconds of a core each; a quarter of the cores makes them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_beside_fifty_sign_ins_at_once() {
    let app = TestApp::start().await;
    latency::beside_sign_ins(&app, is_long()).await;
}
