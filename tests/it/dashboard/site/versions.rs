//! Two people edit the same thing: who saves last does not undo what the other did unseen.

use tollgate::domain::role::Role;

use super::between;
use crate::support::app::TestApp;
use crate::support::people::Person;

/// Both open the form at `path` and save it, one after the other.
async fn two_save(app: &TestApp, person: &Person, path: &str) {
    let form = app.page(person, path).await;
    let form = form.assert_page(200);
    let version = between(form, "name=\"version\" value=\"", "\"").to_owned();
    let edit = |name| [("version", version.as_str()), ("name", name)];
    let first = app.submit(person, path, &edit("First")).await;
    assert!(first.leads_to().contains("done=saved"), "{path}");
    // What was typed comes back, beside what is stored, which did not change.
    let second = app.submit(person, path, &edit("Second")).await;
    let again = second.assert_page(412);
    for part in [
        "meanwhile</h2>",
        "value=\"Second\"",
        "data-label=\"Stored now\">First<",
        "data-label=\"Yours\">Second<",
        &format!("href=\"{path}\">Discard mine<"),
        "form=\"edited\">Save anyway<",
    ] {
        assert!(again.contains(part), "{path}: {part}\n{again}");
    }
    let now = app.page(person, path).await;
    assert!(now.assert_page(200).contains("value=\"First\""), "{path}");
    // It is saved over what its page has shown, and over nothing later.
    let shown = between(again, "name=\"version\" value=\"", "\"").to_owned();
    assert_ne!(shown, version);
    let anyway = [("version", shown.as_str()), ("name", "Second")];
    let saved = app.submit(person, path, &anyway).await;
    assert!(saved.leads_to().contains("done=saved"), "{path}");
    let late = app.submit(person, path, &anyway).await;
    assert!(
        late.assert_page(412).contains("is stored already"),
        "{path}"
    );
    // A form with a mistake keeps the version that it was read at.
    let wrong = [("version", version.as_str()), ("name", "")];
    let again = app.submit(person, path, &wrong).await;
    let kept = format!("name=\"version\" value=\"{version}\"");
    assert!(again.assert_page(422).contains(&kept), "{path}");
}

#[tokio::test]
async fn all_that_differs_of_a_key_is_told_and_what_is_alike_is_not() {
    let app = TestApp::start().await;
    let person = app.person(Role::Admin).await;
    let key = app.key().await;
    let path = format!("/orgs/{}/keys/{}/settings", app.organisation.id, key.id);
    let form = app.page(&person, &path).await;
    let version = between(form.assert_page(200), "name=\"version\" value=\"", "\"").to_owned();
    let common = [
        ("version", version.as_str()),
        ("name", "<b>Same</b>"),
        ("concurrency", "5"),
    ];
    let save = async |own: &[(&str, &str)]| {
        let fields = [&common, own].concat();
        app.submit(&person, &path, &fields).await
    };
    let first = save(&[
        ("model_access", "all"),
        ("quota", "1000"),
        ("quota_period", "day"),
    ])
    .await;
    assert!(first.leads_to().contains("done=saved"));
    let second = [
        ("model_access", "some"),
        ("model", "gpt-4o"),
        ("patterns", "claude-*"),
        ("quota", "2,000"),
        ("quota_period", "week"),
        ("budget", "$7.5"),
        ("expires", "2099-01-31"),
    ];
    let second = save(&second).await;
    let page = second.assert_page(412);
    let rows: Vec<_> = page.split("<a href=\"#field-").skip(1).map(told).collect();
    assert_eq!(
        rows,
        [
            ("expires", "–", "2099-01-31"),
            ("quota", "1,000 tokens a day", "2,000 tokens a week"),
            ("budget", "No limit", "$7.50 a month"),
            ("models", "All models", "claude-*, gpt-4o"),
        ]
    );
    // Each leads to its field, which holds what was typed.
    for (field, ..) in rows {
        assert!(page.contains(&format!("id=\"field-{field}\"")), "{field}");
    }
    for typed in ["value=\"2,000\"", "value=\"$7.5\"", "value=\"2099-01-31\""] {
        assert!(page.contains(typed), "{typed}");
    }
}

/// A row of the table of differences: its field, what is stored, what was typed.
fn told(row: &str) -> (&str, &str, &str) {
    let field = row.split_once('"').unwrap().0;
    let stored = between(row, "data-label=\"Stored now\">", "<");
    (field, stored, between(row, "data-label=\"Yours\">", "<"))
}

#[tokio::test]
async fn an_edit_of_a_project_that_someone_else_changed_is_refused() {
    let app = TestApp::start().await;
    let person = app.person(Role::Admin).await;
    let projects = format!("/orgs/{}/projects", app.organisation.id);
    let new = format!("{projects}/new");
    let made = app.submit(&person, &new, &[("name", "Made")]).await;
    assert!(made.leads_to().contains("done=created"));
    let list = app.page(&person, &projects).await;
    let rows = list.assert_page(200).split("row-link\" href=\"").skip(1);
    let mut rows = rows.filter_map(|row| row.split_once('"'));
    let made = rows.find(|(_, rest)| rest.starts_with(">Made<")).unwrap();
    two_save(&app, &person, made.0).await;
}

#[tokio::test]
async fn an_edit_of_an_organisation_that_someone_else_changed_is_refused() {
    let app = TestApp::start().await;
    let operator = app.operator().await;
    let path = format!("/operator/orgs/{}", app.organisation.id);
    two_save(&app, &operator, &path).await;
}

#[tokio::test]
async fn a_name_of_an_organisation_that_someone_else_changed_is_not_overwritten() {
    let app = TestApp::start().await;
    let owner = app.person(Role::Owner).await;
    let path = format!("/orgs/{}/settings", app.organisation.id);
    two_save(&app, &owner, &path).await;
}

#[tokio::test]
async fn a_rotation_of_what_someone_else_changed_is_asked_for_anew() {
    let app = TestApp::start().await;
    let person = app.person(Role::Admin).await;
    let key = app.key().await;
    let path = format!("/orgs/{}/keys/{}", app.organisation.id, key.id);
    let form = app.page(&person, &format!("{path}/rotate")).await;
    let version = between(form.assert_page(200), "rotate?version=", "\"").to_owned();
    let rotate = async |version: &str| {
        let path = format!("{path}/rotate?version={version}");
        app.submit(&person, &path, &[("grace", "3600")]).await
    };
    let first = rotate(&version).await;
    let secret = between(first.assert_page(200), "readonly value=\"", "\"").to_owned();

    // What was chosen comes back, and the secret that would go.
    let second = rotate(&version).await;
    let again = second.assert_page(412);
    let last = &secret[secret.len() - 4..];
    for part in ["changed or rotated", "value=\"3600\" selected", last] {
        assert!(again.contains(part), "{part}\n{again}");
    }
    assert!(!again.contains(&secret));
    let shown = between(again, "rotate?version=", "\"").to_owned();
    assert_ne!(shown, version);
    rotate(&shown).await.assert_page(200);
}
