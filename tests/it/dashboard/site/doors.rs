//! Ways in and out.

use tollgate::domain::role::Role;

use super::between;
use crate::support::app::TestApp;
use crate::support::people::{Asker, Nobody, PASSWORD};

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_form_and_back_to_what_they_wanted() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let keys = format!("/orgs/{}/keys", app.organisation.id);
    let asked = app.page(&Nobody, &keys).await;
    assert!(asked.header("x-request-id").is_some());
    let form = asked.leads_to().to_owned();
    assert!(form.starts_with("/sign-in?next="), "{form}");
    assert!(
        app.page(&Nobody, &form)
            .await
            .assert_page(200)
            .contains("Sign in")
    );

    let wrong = [
        ("email", person.email.as_str()),
        ("password", "not this one"),
    ];
    let refused = app.submit(&Nobody, &form, &wrong).await;
    assert!(
        refused
            .assert_page(401)
            .contains("The e-mail address or the password is wrong.")
    );
    let right = [("email", person.email.as_str()), ("password", PASSWORD)];
    let welcome = app.submit(&Nobody, &form, &right).await;
    assert_eq!(welcome.leads_to(), keys);
    let cookie = welcome.header("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let headers = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let page = app
        .client
        .send(http::Method::GET, &keys, &headers, "")
        .await
        .read()
        .await;
    page.assert_page(200);

    let out = app.submit_with(&headers, "/sign-out", &[]).await;
    assert_eq!(out.leads_to(), "/sign-in");
    let page = app
        .client
        .send(http::Method::GET, &keys, &headers, "")
        .await
        .read()
        .await;
    page.leads_to();
}

#[tokio::test]
async fn whose_session_ended_before_a_form_was_sent_is_told_and_led_back_to_it() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let new = format!("/orgs/{}/keys/new", app.organisation.id);
    let page = format!("https://gate.example{new}?from=list");
    let ended = [
        ("cookie", "tollgate_session=gone"),
        ("sec-fetch-site", "same-origin"),
        ("referer", page.as_str()),
    ];
    let sent = app.submit_with(&ended, &new, &[("name", "lost")]).await;
    let form = sent.leads_to().to_owned();
    let told = app.page(&Nobody, &form).await;
    assert!(told.assert_page(200).contains("nothing was saved"));
    let right = [("email", person.email.as_str()), ("password", PASSWORD)];
    let welcome = app.submit(&Nobody, &form, &right).await;
    assert_eq!(welcome.leads_to(), format!("{new}?from=list"));

    let out = app.submit_with(&ended, "/sign-out", &[]).await;
    assert_eq!(out.leads_to(), "/sign-in", "they wanted to be out");
    for odd in [
        "//evil.example/x",
        "https://evil.example//evil.example/x",
        "about:blank",
    ] {
        let headers = [ended[1], ("referer", odd)];
        let form = app.submit_with(&headers, &new, &[]).await;
        let welcome = app.submit(&Nobody, form.leads_to(), &right).await;
        assert!(
            !welcome.leads_to().contains("evil"),
            "{odd}: {}",
            welcome.leads_to()
        );
    }
}

#[tokio::test]
async fn a_sign_in_never_leads_to_another_site() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let right = [("email", person.email.as_str()), ("password", PASSWORD)];
    for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let form = format!("/sign-in?next={next}");
        let welcome = app.submit(&Nobody, &form, &right).await;
        assert_eq!(welcome.leads_to(), "/", "{next}");
    }
}

#[tokio::test]
async fn looking_at_an_invitation_uses_nothing_and_it_lets_in_once() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let invite = format!("/orgs/{}/members/invite", app.organisation.id);
    let asked = [("email", "new@example.com"), ("role", "member")];
    let made = app.submit(&owner, &invite, &asked).await;
    let link = between(made.assert_page(200), "/invitations/", "\"").to_owned();
    let path = format!("/invitations/{link}");
    for _ in 0..2 {
        app.page(&Nobody, &path).await.assert_page(200);
    }
    let joined = [("name", "New"), ("password", "a long enough password")];
    assert_eq!(app.submit(&Nobody, &path, &joined).await.leads_to(), "/");
    let again = app.submit(&Nobody, &path, &joined).await;
    assert!(again.assert_page(404).contains("This link works no more"));
    let lost = app.page(&Nobody, &path).await;
    assert!(lost.assert_page(404).contains("This link works no more"));
}

#[tokio::test]
async fn what_is_no_page_is_the_gateways_to_refuse() {
    let app = TestApp::start().await;
    let lost = app.page(&Nobody, "/nowhere").await;
    lost.assert_refused(404, "not_found");
}

#[tokio::test]
async fn pages_that_are_got_are_packed_and_those_that_are_answered_to_a_form_are_not() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let new = format!("/orgs/{}/keys/new", app.organisation.id);
    let mut headers = person.headers();
    headers.push(("accept-encoding", "gzip"));
    let got = app.client.send(http::Method::GET, &new, &headers, "");
    let got = got.await.read().await;
    assert_eq!(got.header("content-encoding"), Some("gzip"));
    assert_eq!(got.header("vary"), Some("accept-encoding"));
    let plain = app.page(&person, &new).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.text().contains("Create key"));
    let made = app.submit_with(&headers, &new, &[("name", "Packed")]).await;
    assert_eq!(made.header("content-encoding"), None);
    assert!(made.assert_page(200).contains("Store this key now"));
}
