//! Who sees and does what, and that other sites do nothing.

use tollgate::domain::role::Role;

use crate::support::app::TestApp;

#[tokio::test]
async fn each_role_sees_its_pages_and_no_others() {
    let app = TestApp::start().await;
    let org = app.organisation.id;
    let pages = [
        ("", Role::Viewer),
        ("/keys", Role::Viewer),
        ("/projects", Role::Viewer),
        ("/settings", Role::Viewer),
        ("/keys/new", Role::Member),
        ("/projects/new", Role::Admin),
        ("/members", Role::Admin),
        ("/members/invite", Role::Admin),
        ("/tokens", Role::Admin),
        ("/tokens/new", Role::Admin),
    ];
    for role in Role::ALL {
        let person = app.person(role).await;
        for (path, least) in pages.iter().skip(1) {
            let page = app.page(&person, &format!("/orgs/{org}{path}")).await;
            page.assert_page(if role >= *least { 200 } else { 403 });
        }
        app.page(&person, "/operator/orgs").await.assert_page(403);
    }
    let stranger = app.stranger().await;
    app.page(&stranger, &format!("/orgs/{org}/keys"))
        .await
        .assert_page(404);
    let account = app.page(&stranger, "/account").await;
    assert!(
        account
            .assert_page(200)
            .contains("You belong to no organisation yet.")
    );
    let operator = app.operator().await;
    for path in ["/operator/orgs", "/operator/orgs/new"] {
        app.page(&operator, path).await.assert_page(200);
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let key = app.key().await;
    let disable = format!("/orgs/{}/keys/{}/disable", app.organisation.id, key.id);
    let cookie = ("cookie", person.cookie.as_str());
    for foreign in [
        vec![cookie, ("sec-fetch-site", "cross-site")],
        vec![cookie, ("sec-fetch-site", "same-site")],
        vec![cookie, ("origin", "https://evil.example")],
        vec![cookie, ("origin", "null")],
        vec![cookie],
    ] {
        app.submit_with(&foreign, &disable, &[])
            .await
            .assert_page(403);
    }
    assert_eq!(app.client.chat(&key.secret).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_viewer_changes_nothing_by_forms() {
    let app = TestApp::start().await;
    let person = app.person(Role::Viewer).await;
    let key = app.key().await;
    let path = format!("/orgs/{}/keys/{}", app.organisation.id, key.id);
    for what in ["disable", "enable", "rotate", "delete", "settings"] {
        let path = format!("{path}/{what}");
        let refused = app.submit(&person, &path, &[("name", "x")]);
        refused.await.assert_page(403);
    }
}
