//! What cannot be undone is done only when its name is typed, with scripts or without.

use tollgate::domain::role::Role;
use tollgate::domain::time::Clock;
use tollgate::store::keys::{self, KeyPatch};

use crate::support::app::TestApp;

#[tokio::test]
async fn a_token_is_deleted_by_its_name_only() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let token = app.token(Role::Viewer).await;
    let tokens = format!("/orgs/{}/tokens", app.organisation.id);
    let delete = format!("{tokens}/{}/delete", token.id);
    for wrong in [&[][..], &[("confirm", "Test")]] {
        app.submit(&owner, &delete, wrong).await.assert_page(422);
    }
    app.page(&owner, &delete).await.assert_page(200);
    let deleted = app.submit(&owner, &delete, &[("confirm", "test")]).await;
    assert!(deleted.leads_to().contains("done=deleted"));
    app.submit(&owner, &delete, &[("confirm", "test")])
        .await
        .assert_page(404);
}

#[tokio::test]
async fn a_member_is_removed_by_their_address_only() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let member = app.person(Role::Member).await;
    let remove = format!("/orgs/{}/members/{}/remove", app.organisation.id, member.id);
    app.submit(&owner, &remove, &[]).await.assert_page(422);
    let right = [("confirm", member.email.as_str())];
    let removed = app.submit(&owner, &remove, &right).await;
    assert!(removed.leads_to().contains("done=removed"));
    let keys = format!("/orgs/{}/keys", app.organisation.id);
    assert!(
        app.page(&member, &keys)
            .await
            .leads_to()
            .starts_with("/sign-in")
    );
}

/// Names were kept as they were sent once.
#[tokio::test]
async fn a_name_with_odd_spaces_is_confirmed_as_it_is_shown() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let key = app.key().await;
    let patch = KeyPatch {
        name: Some("a  b\u{a0}\u{200b}c".to_owned()),
        ..KeyPatch::default()
    };
    let now = Clock::default().now();
    keys::update(app.db(), key.id, patch, now).await.unwrap();
    let delete = format!("/orgs/{}/keys/{}/delete", app.organisation.id, key.id);
    let page = app.page(&owner, &delete).await;
    assert!(page.assert_page(200).contains("data-typed=\"a b c\""));
    let wrong = app.submit(&owner, &delete, &[("confirm", "a bc")]).await;
    wrong.assert_page(422);
    let deleted = app.submit(&owner, &delete, &[("confirm", " a b  c")]).await;
    assert!(deleted.leads_to().contains("done=deleted"));
}
