//! Pages of other sites can make a browser ask, with its cookie: none of that changes anything.

use http::Method;
use tollgate::domain::role::Role;

use crate::support::app::TestApp;
use crate::support::people::PASSWORD;

const PROJECT: &str = r#"{"name":"Web"}"#;

#[tokio::test]
async fn what_another_site_sends_with_the_cookie_changes_nothing() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let path = format!("/api/v1/orgs/{}/projects", app.organisation.id);
    let cookie = ("cookie", owner.cookie.as_str());
    let sites: [&[(&str, &str)]; 6] = [
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://other.localhost"),
        ],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[],
    ];
    for site in sites {
        for kind in [
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
        ] {
            let headers = [site, &[cookie, ("content-type", kind)]].concat();
            let sent = app
                .client
                .send(Method::POST, &path, &headers, PROJECT)
                .await;
            sent.read().await.assert_problem(403, "cross_site");
        }
        let headers = [site, &[cookie]].concat();
        let sent = app
            .client
            .send(Method::DELETE, "/api/v1/session", &headers, "")
            .await;
        sent.read().await.assert_problem(403, "cross_site");
    }
    let path = format!("/orgs/{}/projects", app.organisation.id);
    let projects = app.look(&owner, &path).await.assert_json(200);
    assert_eq!(projects["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn even_our_own_pages_send_json_only() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let path = format!("/orgs/{}/projects", app.organisation.id);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let kind = [("content-type", kind)];
        let path = format!("/api/v1{path}");
        let mut headers = crate::support::people::Asker::headers(&owner);
        headers.extend(kind);
        let sent = app
            .client
            .send(Method::POST, &path, &headers, PROJECT)
            .await;
        sent.read()
            .await
            .assert_problem(415, "unsupported_media_type");
    }
    app.ask(&owner, Method::POST, &path, PROJECT)
        .await
        .assert_json(201);
}

#[tokio::test]
async fn another_site_signs_nobody_in() {
    let app = TestApp::start().await;
    let ann = app.person(Role::Viewer).await;
    for site in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let refused = app.sign_in_as(&ann.email, PASSWORD, &[site]).await;
        refused.assert_problem(403, "cross_site");
        assert_eq!(refused.cookie(), None);
    }
    // Scripts, which have no cookie of anybody's, name no site.
    app.sign_in_as(&ann.email, PASSWORD, &[])
        .await
        .assert_json(200);
}

#[tokio::test]
async fn a_token_needs_no_page_and_no_page_reads_the_api() {
    let app = TestApp::start().await;
    let token = app.token(Role::Admin).await;
    let path = format!("/orgs/{}/projects", app.organisation.id);
    let site = [("origin", "https://evil.example")];
    let created = app
        .ask_with(&token, Method::POST, &path, &site, PROJECT)
        .await;
    created.assert_json(201);
    assert_eq!(created.header("access-control-allow-origin"), None);
}
