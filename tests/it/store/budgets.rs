//! Budget rows: how they open, and that an edit never touches what is used.

use futures_util::future::join_all;
use smallvec::smallvec;
use tollgate::domain::limits::Limits;
use tollgate::domain::quota::{BudgetKey, Period, Unit};
use tollgate::domain::tenant::ScopeId;
use tollgate::domain::time::Timestamp;
use tollgate::store::Db;
use tollgate::store::budgets::{self, BudgetRow};
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::keys::{self, Key, KeyPatch};
use tollgate::store::organisations::{self, OrganisationPatch};

use super::{at, draw, event, key, now, organisation, quota};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    a_row_is_opened_once,
    a_calendar_row_opens_with_the_usage_of_its_period,
    a_row_that_never_starts_anew_opens_with_nothing,
    an_edit_changes_the_amount_and_never_what_is_used,
    a_removed_limit_has_no_amount_and_its_row_stays,
    an_edit_leaves_past_periods_alone,
    a_limit_of_a_project_and_an_organisation_reaches_its_rows,
);

fn budget(scope: ScopeId, unit: Unit, period: Period, at: Timestamp) -> BudgetKey {
    BudgetKey {
        scope,
        unit,
        period,
        start: period.start(at),
    }
}

fn tokens(key: &Key, period: Period) -> BudgetKey {
    budget(ScopeId::Key(key.id), Unit::Tokens, period, now())
}

async fn open(db: &Db, key: &BudgetKey, amount: Option<i64>) -> BudgetRow {
    budgets::open(db, key, amount, now()).await.unwrap()
}

async fn amounts(db: &Db, key: &Key) -> Vec<(Period, i64, Option<i64>)> {
    let rows = budgets::current(db, ScopeId::Key(key.id), now())
        .await
        .unwrap();
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|(key, row, amount)| (key.period, row.used, amount))
        .collect();
    rows.sort();
    rows
}

async fn set(db: &Db, key: &Key, limits: Limits) {
    let patch = KeyPatch {
        limits: Some(limits.into()),
        ..KeyPatch::default()
    };
    keys::update(db, key.id, patch, now()).await.unwrap();
}

async fn a_row_is_opened_once(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let name = tokens(&key, Period::Day);
    let other = test.other_process().await;
    let opened = (0..16).map(|n| open(if n % 2 == 0 { &test.db } else { &other }, &name, Some(n)));
    let ids: Vec<_> = join_all(opened).await.iter().map(|row| row.id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM budgets"), 1);
}

async fn a_calendar_row_opens_with_the_usage_of_its_period(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let before = |text: &str| Event {
        at: at(text),
        ..event(&key)
    };
    let events = [
        before("2026-11-18T00:00:00Z"), // today
        before("2026-11-17T23:59:59Z"), // this week
        before("2026-11-15T23:59:59Z"), // this month
        before("2026-10-31T23:59:59Z"), // neither
        before("2026-12-01T00:00:00Z"), // later
    ];
    events::book(&test.db, Batch::of(&events)).await.unwrap();
    for (period, calls) in [(Period::Day, 1), (Period::Week, 2), (Period::Month, 3)] {
        let scopes = [
            ScopeId::Key(key.id),
            ScopeId::Project(key.project_id),
            ScopeId::Organisation(acme.id),
        ];
        for scope in scopes {
            let row = open(&test.db, &budget(scope, Unit::Tokens, period, now()), None).await;
            assert_eq!(row.used, 30 * calls, "{scope:?} {period:?}");
            let row = open(
                &test.db,
                &budget(scope, Unit::Requests, period, now()),
                None,
            )
            .await;
            assert_eq!(row.used, calls);
        }
    }
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM adjustments"), 18);
}

async fn a_row_that_never_starts_anew_opens_with_nothing(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    events::book(&test.db, Batch::of(&[event(&key)]))
        .await
        .unwrap();
    assert_eq!(
        open(&test.db, &tokens(&key, Period::None), Some(5))
            .await
            .used,
        0
    );
}

async fn an_edit_changes_the_amount_and_never_what_is_used(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let row = open(&test.db, &tokens(&key, Period::Month), Some(100)).await;
    let charged = Event {
        budgets: smallvec![draw(row.id, Unit::Tokens)],
        ..event(&key)
    };
    events::book(&test.db, Batch::of(&[charged])).await.unwrap();
    for amount in [50, 10, 0, 1_000] {
        set(&test.db, &key, quota(amount, Period::Month)).await;
        assert_eq!(
            amounts(&test.db, &key).await,
            [(Period::Month, 30, Some(amount))]
        );
    }
    // Whoever read the limit before it was edited does not bring the old one back.
    let reopened = open(&test.db, &tokens(&key, Period::Month), Some(77)).await;
    assert_eq!(
        reopened,
        BudgetRow {
            id: row.id,
            used: 30
        }
    );
    assert_eq!(
        amounts(&test.db, &key).await,
        [(Period::Month, 30, Some(1_000))]
    );
}

async fn a_removed_limit_has_no_amount_and_its_row_stays(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    open(&test.db, &tokens(&key, Period::Month), Some(100)).await;
    open(&test.db, &tokens(&key, Period::Day), Some(100)).await;
    set(&test.db, &key, quota(5, Period::Day)).await;
    let expected = [(Period::Day, 0, Some(5)), (Period::Month, 0, None)];
    assert_eq!(amounts(&test.db, &key).await, expected);
    set(&test.db, &key, Limits::default()).await;
    let expected = [(Period::Day, 0, None), (Period::Month, 0, None)];
    assert_eq!(amounts(&test.db, &key).await, expected);
}

async fn an_edit_leaves_past_periods_alone(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let yesterday = at("2026-11-17T12:00:00Z");
    let past = budget(ScopeId::Key(key.id), Unit::Tokens, Period::Day, yesterday);
    open(&test.db, &past, Some(100)).await;
    set(&test.db, &key, quota(5, Period::Day)).await;
    let then = budgets::current(&test.db, past.scope, yesterday)
        .await
        .unwrap();
    assert_eq!((then[0].0, then[0].2), (past, Some(100)));
    assert_eq!(amounts(&test.db, &key).await, []);
}

async fn a_limit_of_a_project_and_an_organisation_reaches_its_rows(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let scope = ScopeId::Organisation(acme.id);
    open(
        &test.db,
        &budget(scope, Unit::Requests, Period::Day, now()),
        Some(1),
    )
    .await;
    let patch = OrganisationPatch {
        limits: Some(
            Limits {
                requests_per_day: Some(9),
                ..Limits::default()
            }
            .into(),
        ),
        ..OrganisationPatch::default()
    };
    organisations::update(&test.db, acme.id, patch, now())
        .await
        .unwrap();
    let rows = budgets::current(&test.db, scope, now()).await.unwrap();
    assert_eq!(rows[0].2, Some(9));
}
