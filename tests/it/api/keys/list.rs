//! Lists of keys, as whoever follows their cursors reads them.

use super::*;

/// Follows the cursors of `query` to the end.
async fn names(app: &TestApp, who: &dyn Asker, query: &str) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{}?{query}{cursor}", path(app));
        let page = app.look(who, &path).await.assert_json(200);
        let keys = page["data"].as_array().unwrap().iter();
        names.extend(keys.map(|key| key["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return names,
        }
    }
}

#[tokio::test]
async fn every_order_is_read_to_its_end_by_cursors() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    for name in ["b", "d", "a", "e", "c"] {
        make(&app, &admin, &json!({"name": name}).to_string()).await;
    }
    let sorted = ["a", "b", "c", "d", "e"];
    for limit in [1, 2, 5, 6] {
        let ask = async |query: &str| names(&app, &admin, &format!("limit={limit}{query}")).await;
        assert_eq!(ask("&sort=name").await, sorted);
        assert_eq!(ask("").await, ["c", "e", "a", "d", "b"]);
        assert_eq!(ask("&order=asc").await, ["b", "d", "a", "e", "c"]);
        for sort in ["last_used", "usage"] {
            let mut found = ask(&format!("&sort={sort}")).await;
            found.sort_unstable();
            assert_eq!(found, sorted, "{sort} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_cursor_is_one_of_its_own_order() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    for name in ["a", "b"] {
        make(&app, &admin, &json!({"name": name}).to_string()).await;
    }
    let first = format!("{}?sort=name&limit=1", path(&app));
    let first = app.look(&admin, &first).await.assert_json(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    for query in [format!("cursor={cursor}"), "cursor=nonsense".to_owned()] {
        let refused = app.look(&admin, &format!("{}?{query}", path(&app))).await;
        assert_eq!(faulty(&refused), ["cursor"]);
    }
}

/// Which models a list allows only its patterns tell.
#[tokio::test]
async fn a_list_holds_the_keys_that_may_call_a_model() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    for (name, models) in [
        ("all", Value::Null),
        ("none", json!([])),
        ("glob", json!(["gpt-*"])),
        ("other glob", json!(["claude-*"])),
        ("exact", json!(["gpt-4o"])),
        ("longer", json!(["gpt-4o-mini"])),
    ] {
        make(
            &app,
            &admin,
            &json!({"name": name, "models": models}).to_string(),
        )
        .await;
    }
    for limit in [1, 2, 50] {
        let query = format!("model=gpt-4o&sort=name&limit={limit}");
        assert_eq!(names(&app, &admin, &query).await, ["all", "exact", "glob"]);
    }
}

#[tokio::test]
async fn findings_and_filters_are_asked_for_by_name() {
    let app = TestApp::start().await;
    let admin = app.person(Role::Admin).await;
    let body =
        r#"{"name":"bounded","expires_at":"2999-01-01T00:00:00Z","limits":{"concurrency":1}}"#;
    make(&app, &admin, body).await;
    let (bare, _) = make(&app, &admin, r#"{"name":"bare"}"#).await;
    for (query, expected) in [
        ("finding=no_expiry", &["bare"][..]),
        ("finding=no_limit", &["bare"]),
        ("finding=idle", &[]),
        ("finding=old", &[]),
        ("finding=grace_in_use", &[]),
        ("status=disabled", &[]),
        ("search=BOUND", &["bounded"]),
    ] {
        assert_eq!(names(&app, &admin, query).await, expected, "{query}");
    }
    let disable = r#"{"status":"disabled"}"#;
    app.ask(&admin, Method::PATCH, &bare, disable)
        .await
        .assert_json(200);
    assert_eq!(names(&app, &admin, "status=disabled").await, ["bare"]);
    assert_eq!(names(&app, &admin, "finding=no_limit").await, [""; 0]);
}
