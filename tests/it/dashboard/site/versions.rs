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
    let second = app.submit(person, path, &edit("Second")).await;
    assert!(
        second.assert_page(412).contains("Someone else was faster"),
        "{path}"
    );
    let now = app.page(person, path).await;
    assert!(now.assert_page(200).contains("value=\"First\""), "{path}");
    // A form with a mistake keeps the version that it was read at.
    let wrong = [("version", version.as_str()), ("name", "")];
    let again = app.submit(person, path, &wrong).await;
    let kept = format!("name=\"version\" value=\"{version}\"");
    assert!(again.assert_page(422).contains(&kept), "{path}");
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
