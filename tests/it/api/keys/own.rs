//! Members have their own keys, viewers look, and nobody sees another organisation's.

use super::*;

#[tokio::test]
async fn members_see_and_touch_only_their_own_keys() {
    let app = TestApp::start().await;
    let (one, other) = (
        app.person(Role::Member).await,
        app.person(Role::Member).await,
    );
    let (own, secret) = make(&app, &one, r#"{"name":"mine"}"#).await;
    let unknown = format!("{}/{}", path(&app), Uuid::now_v7());
    for (method, below, body) in [
        (Method::GET, "", ""),
        (Method::GET, "/refusals", ""),
        (Method::PATCH, "", r#"{"name":"taken"}"#),
        (Method::POST, "/rotate", "{}"),
        (Method::DELETE, "", ""),
    ] {
        let theirs = app
            .ask(&other, method.clone(), &format!("{own}{below}"), body)
            .await;
        theirs.assert_problem(404, "not_found");
        let nobodys = app
            .ask(&other, method, &format!("{unknown}{below}"), body)
            .await;
        assert_eq!(theirs.body, nobodys.body);
    }
    let id = own.rsplit_once('/').unwrap().1;
    let bulk = json!({"action":"delete","ids":[id]}).to_string();
    let bulk = app
        .ask(&other, Method::POST, &format!("{}/bulk", path(&app)), &bulk)
        .await;
    assert_eq!(bulk.assert_json(200)["not_found"], json!([id]));
    for query in [
        "",
        &format!("?owner={}", one.id.0),
        &format!("?search={id}"),
    ] {
        let list = app.look(&other, &format!("{}{query}", path(&app))).await;
        assert_eq!(list.assert_json(200)["data"], json!([]), "{query}");
    }
    assert_eq!(app.look(&one, &own).await.assert_json(200)["name"], "mine");
    assert_eq!(app.client.chat(&secret).await.status, 200);
}

#[tokio::test]
async fn admins_see_all_keys_and_viewers_only_look() {
    let app = TestApp::start().await;
    let member = app.person(Role::Member).await;
    let (key, _) = make(&app, &member, r#"{"name":"mine"}"#).await;
    for role in [Role::Viewer, Role::Admin, Role::Owner] {
        let person = app.person(role).await;
        assert_eq!(
            app.look(&person, &key).await.assert_json(200)["name"],
            "mine"
        );
        let list = app.look(&person, &path(&app)).await.assert_json(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
    }
    let viewer = app.person(Role::Viewer).await;
    for (method, path, body) in [
        (Method::POST, path(&app), r#"{"name":"x"}"#),
        (
            Method::POST,
            format!("{}/bulk", path(&app)),
            r#"{"action":"delete"}"#,
        ),
        (Method::PATCH, key.clone(), "{}"),
        (Method::POST, format!("{key}/rotate"), "{}"),
        (Method::DELETE, key.clone(), ""),
    ] {
        let refused = app.ask(&viewer, method, &path, body).await;
        refused.assert_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn operators_and_other_organisations_see_no_keys() {
    let app = TestApp::start().await;
    let beta = app.another_organisation("Beta").await;
    let member = app.person(Role::Member).await;
    let (key, _) = make(&app, &member, r#"{"name":"mine"}"#).await;
    let id = key.rsplit_once('/').unwrap().1;
    let operator = app.operator().await;
    app.look(&operator, &key)
        .await
        .assert_problem(404, "not_found");
    app.look(&operator, &path(&app))
        .await
        .assert_problem(404, "not_found");
    let owner = app.person_in(beta.id, Role::Owner).await;
    app.look(&owner, &key)
        .await
        .assert_problem(404, "not_found");
    // Not through their own organisation either.
    for (method, body) in [
        (Method::GET, ""),
        (Method::PATCH, r#"{"status":"disabled"}"#),
        (Method::DELETE, ""),
    ] {
        let path = format!("/orgs/{}/keys/{id}", beta.id);
        let reply = app.ask(&owner, method, &path, body).await;
        reply.assert_problem(404, "not_found");
    }
    assert_eq!(
        app.look(&member, &key).await.assert_json(200)["status"],
        "active"
    );
}

#[tokio::test]
async fn a_token_has_its_own_keys_too() {
    let app = TestApp::start().await;
    let (token, other) = (app.token(Role::Member).await, app.token(Role::Member).await);
    let (key, _) = make(&app, &token, r#"{"name":"by a script"}"#).await;
    let shown = app.look(&token, &key).await.assert_json(200);
    assert_eq!(
        (&shown["owner_id"], &shown["created_by"]),
        (&json!(token.id), &json!("test"))
    );
    app.look(&other, &key)
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn admins_hand_keys_on_to_members_and_nobody_else_does() {
    let app = TestApp::start().await;
    let (one, other) = (
        app.person(Role::Member).await,
        app.person(Role::Member).await,
    );
    let (key, _) = make(&app, &one, r#"{"name":"mine"}"#).await;
    let hand_on = json!({"owner_id": other.id}).to_string();
    let refused = app.ask(&one, Method::PATCH, &key, &hand_on).await;
    refused.assert_problem(403, "forbidden");
    let admin = app.person(Role::Admin).await;
    let stranger = app.stranger().await;
    let body = json!({"owner_id": stranger.id}).to_string();
    let refused = app.ask(&admin, Method::PATCH, &key, &body).await;
    assert_eq!(faulty(&refused), ["owner_id"]);
    app.ask(&admin, Method::PATCH, &key, &hand_on)
        .await
        .assert_json(200);
    app.look(&one, &key).await.assert_problem(404, "not_found");
    assert_eq!(
        app.look(&other, &key).await.assert_json(200)["name"],
        "mine"
    );
}
