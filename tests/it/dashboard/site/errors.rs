//! What stands where a page cannot be shown says what is wrong.

use tollgate::domain::role::Role;

use super::between;
use crate::support::app::TestApp;
use crate::support::people::Nobody;

#[tokio::test]
async fn a_page_that_is_asked_for_wrongly_says_what_is_wrong() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let keys = format!("/orgs/{}/keys", app.organisation.id);
    let key = app.key().await.id;
    let long = "x".repeat(201);
    for (path, said) in [
        (format!("{keys}?q={long}"), "search: "),
        (format!("{keys}?cursor=zzz"), "cursor: Is none of this list"),
        (format!("{keys}/{key}/calls?status=abc"), "status: "),
    ] {
        let page = app.page(&person, &path).await;
        let page = page.assert_page(400);
        assert!(page.contains(said), "{path}: {page}");
        assert!(!page.contains("under errors"), "{path}");
    }
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused_in_words() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let path = format!("/orgs/{}/projects/new", app.organisation.id);
    let name = "x".repeat(3 << 20);
    let refused = app.submit(&person, &path, &[("name", name.as_str())]).await;
    assert!(refused.assert_page(413).contains("larger than 1 MiB"));
}

#[tokio::test]
async fn a_form_sent_again_with_something_else_says_so_without_headers() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let new = format!("/orgs/{}/keys/new", app.organisation.id);
    let form = app.page(&person, &new).await;
    let once = between(form.assert_page(200), "name=\"once\" value=\"", "\"").to_owned();
    let filled = |name| [("once", once.as_str()), ("name", name), ("expiry", "never")];
    app.submit(&person, &new, &filled("one"))
        .await
        .assert_page(200);
    let again = app.submit(&person, &new, &filled("two")).await;
    let page = again.assert_page(409);
    assert!(page.contains("This form was sent before"), "{page}");
    assert!(!page.contains("Idempotency-Key"), "{page}");
}

#[tokio::test]
async fn a_link_that_is_no_text_leads_nowhere() {
    let app = TestApp::start().await;
    for path in ["/reset", "/set-up", "/sign-in", "/invitations"] {
        let page = app.page(&Nobody, &format!("{path}/%ff")).await;
        assert!(page.assert_page(404).contains("There is nothing here"));
    }
}

#[tokio::test]
async fn a_last_day_that_is_too_far_is_said_beside_its_field() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let new = format!("/orgs/{}/keys/new", app.organisation.id);
    let filled = |day| [("name", "x"), ("expiry", "on"), ("expiry_day", day)];
    let refused = app.submit(&person, &new, &filled("9999-12-31")).await;
    let page = refused.assert_page(422);
    assert!(
        page.contains("Ends with the year 9998 at the latest."),
        "{page}"
    );
    app.submit(&person, &new, &filled("9998-12-31"))
        .await
        .assert_page(200);
}
