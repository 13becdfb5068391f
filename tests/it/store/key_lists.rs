//! Lists of keys: every order, filter and finding, page by page.

use std::time::Duration;

use tollgate::domain::tenant::{KeyStatus, ProjectId};
use tollgate::store::Db;
use tollgate::store::keys::{self, Finding, Key, KeyPatch, NewKey, PageQuery, Sort};
use tollgate::store::organisations::Organisation;
use tollgate::store::projects;
use uuid::Uuid;

use super::{new_key, now, organisation, secret};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    every_order_is_the_same_page_by_page,
    a_list_holds_what_is_looked_for,
    a_search_is_no_pattern,
    each_finding_finds_its_keys,
    a_list_holds_no_foreign_keys,
);

const DAY: Duration = Duration::from_hours(24);

fn query(organisation: &Organisation) -> PageQuery {
    PageQuery {
        organisation: organisation.id,
        owner: None,
        search: None,
        status: None,
        project: None,
        model: None,
        finding: None,
        sort: Sort::Created,
        descending: false,
        after: None,
        limit: 100,
        now: now(),
    }
}

async fn names(db: &Db, query: &PageQuery) -> Vec<String> {
    let (page, is_last) = keys::page(db, query).await.unwrap();
    assert!(is_last);
    page.into_iter().map(|(key, _)| key.name).collect()
}

/// A key that was made `age` ago.
async fn aged(db: &Db, organisation: &Organisation, seed: u8, name: &str, age: Duration) -> Key {
    let new = NewKey {
        name: name.to_owned(),
        ..new_key(organisation)
    };
    let display = format!("sk-{seed:04}…last");
    keys::create(db, new, &secret(seed), &display, now().minus(age))
        .await
        .unwrap()
}

async fn set_use(db: &Db, key: &Key, age: Duration, tokens: i64) {
    let sql = "UPDATE key_uses SET last_used_at = $2, tokens_30d = $3 WHERE key_id = $1";
    execute!(db, sql, key.id, now().minus(age), tokens);
}

async fn every_order_is_the_same_page_by_page(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    // Pairs that are alike in what they are sorted by.
    for seed in 0..9u8 {
        let half = u32::from(seed / 2);
        let key = aged(&test.db, &acme, seed, &format!("key {half}"), DAY * half).await;
        set_use(&test.db, &key, DAY * half, i64::from(half)).await;
    }
    for sort in [Sort::Name, Sort::Created, Sort::LastUsed, Sort::Usage] {
        let mut whole = query(&acme);
        whole.sort = sort;
        let ascending = names(&test.db, &whole).await;
        whole.descending = true;
        let mut backwards = names(&test.db, &whole).await;
        backwards.reverse();
        assert_eq!(ascending, backwards, "{sort:?}");
        let is_old_first = matches!(sort, Sort::Created | Sort::LastUsed);
        let first = if is_old_first { "key 4" } else { "key 0" };
        assert_eq!(ascending[0], first, "{sort:?}");
        for descending in [false, true] {
            let mut query = PageQuery {
                sort,
                descending,
                limit: 2,
                ..query(&acme)
            };
            let (mut paged, mut ids) = (Vec::new(), std::collections::HashSet::new());
            loop {
                let (page, is_last) = keys::page(&test.db, &query).await.unwrap();
                for (key, mark) in page {
                    ids.insert(key.id);
                    paged.push(key.name);
                    query.after = Some(mark);
                }
                if is_last {
                    break;
                }
            }
            if descending {
                paged.reverse();
            }
            assert_eq!((paged, ids.len()), (ascending.clone(), 9), "{sort:?}");
        }
    }
}

async fn a_list_holds_what_is_looked_for(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let production = aged(&test.db, &acme, 1, "Production", DAY).await;
    let staging = aged(&test.db, &acme, 2, "staging", Duration::ZERO).await;
    let limits = tollgate::domain::limits::Limits::default();
    let project = projects::create(&test.db, acme.id, "p", &limits, None, now())
        .await
        .unwrap();
    let owner = Uuid::now_v7();
    let patch = KeyPatch {
        status: Some(KeyStatus::Disabled),
        project_id: Some(project.id),
        models: Some(Some(vec!["gpt-4o".to_owned()])),
        owner_id: Some(owner),
        ..KeyPatch::default()
    };
    keys::update(&test.db, staging.id, patch, now())
        .await
        .unwrap();
    let all = || query(&acme);
    let found = async |query: PageQuery| names(&test.db, &query).await;
    for (text, expected) in [
        ("PROD", "Production"),
        ("aGin", "staging"),
        ("sk-0001", "Production"),
        (&staging.id.to_string(), "staging"),
    ] {
        let search = Some(text.to_owned());
        assert_eq!(
            found(PageQuery { search, ..all() }).await,
            [expected],
            "{text}"
        );
    }
    let status = Some(KeyStatus::Active);
    assert_eq!(found(PageQuery { status, ..all() }).await, ["Production"]);
    let project = Some(project.id);
    assert_eq!(found(PageQuery { project, ..all() }).await, ["staging"]);
    let project = Some(ProjectId::new());
    assert_eq!(found(PageQuery { project, ..all() }).await, [""; 0]);
    let owner = Some(owner);
    assert_eq!(found(PageQuery { owner, ..all() }).await, ["staging"]);
    let model = Some("gpt-4o".to_owned());
    assert_eq!(
        found(PageQuery { model, ..all() }).await,
        ["Production", "staging"]
    );
    let model = Some("gpt-4".to_owned());
    assert_eq!(found(PageQuery { model, ..all() }).await, ["Production"]);
    assert_eq!(production.models, None);
}

async fn a_search_is_no_pattern(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    for (seed, name) in [
        (1, "100% of it"),
        (2, "under_score"),
        (3, "back\\slash"),
        (4, "Ärger"),
    ] {
        aged(&test.db, &acme, seed, name, DAY * (9 - u32::from(seed))).await;
    }
    for (text, expected) in [
        ("%", "100% of it"),
        ("_", "under_score"),
        ("\\", "back\\slash"),
        ("äRG", "Ärger"),
    ] {
        let search = Some(text.to_owned());
        let query = PageQuery {
            search,
            ..query(&acme)
        };
        assert_eq!(names(&test.db, &query).await, [expected], "{text}");
    }
    let search = Some("' OR 1 = 1 --".to_owned());
    let query = PageQuery {
        search,
        ..query(&acme)
    };
    assert_eq!(names(&test.db, &query).await, [""; 0]);
}

async fn each_finding_finds_its_keys(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let db = &test.db;
    let make = async |seed, name: &str, age, patch: KeyPatch| {
        let key = aged(db, &acme, seed, name, age).await;
        keys::update(db, key.id, patch, now()).await.unwrap();
        set_use(db, &key, Duration::ZERO, 0).await;
        key
    };
    let limits = |json: &str| Some(serde_json::from_str(json).unwrap());
    let fine = || KeyPatch {
        expires_at: Some(Some(now().plus(DAY))),
        limits: limits(r#"{"concurrency":1}"#),
        ..KeyPatch::default()
    };
    make(1, "fine", 40 * DAY, fine()).await;
    let idle = make(2, "idle", 40 * DAY, fine()).await;
    set_use(db, &idle, 31 * DAY, 0).await;
    let unused = make(3, "new", DAY, fine()).await;
    set_use(db, &unused, 9999 * DAY, 0).await;
    let endless = KeyPatch {
        expires_at: None,
        ..fine()
    };
    make(4, "endless", DAY, endless).await;
    let unlimited = KeyPatch {
        limits: None,
        ..fine()
    };
    make(5, "unlimited", DAY, unlimited).await;
    make(6, "old", 181 * DAY, fine()).await;
    let rotated = make(7, "rotated", DAY, fine()).await;
    let grace = now().plus(DAY);
    keys::rotate(db, rotated.id, &secret(70), "sk-", grace, now())
        .await
        .unwrap();
    execute!(
        db,
        "UPDATE key_secrets SET calls = 3 WHERE hash = $1",
        secret(7)
    );
    let unused_grace = make(8, "rotated and quiet", DAY, fine()).await;
    keys::rotate(db, unused_grace.id, &secret(80), "sk-", grace, now())
        .await
        .unwrap();
    let off = KeyPatch {
        status: Some(KeyStatus::Disabled),
        ..KeyPatch::default()
    };
    make(9, "disabled", 999 * DAY, off).await;
    for (finding, expected) in [
        (Finding::Idle, "idle"),
        (Finding::NoExpiry, "endless"),
        (Finding::NoLimit, "unlimited"),
        (Finding::Old, "old"),
        (Finding::GraceInUse, "rotated"),
    ] {
        let query = PageQuery {
            finding: Some(finding),
            ..query(&acme)
        };
        assert_eq!(names(db, &query).await, [expected], "{finding:?}");
    }
}

async fn a_list_holds_no_foreign_keys(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let beta = organisation(&test.db, "Beta").await;
    aged(&test.db, &beta, 1, "theirs", DAY).await;
    for sort in [Sort::Name, Sort::Created, Sort::LastUsed, Sort::Usage] {
        let query = PageQuery {
            sort,
            ..query(&acme)
        };
        assert_eq!(names(&test.db, &query).await, [""; 0]);
    }
}
