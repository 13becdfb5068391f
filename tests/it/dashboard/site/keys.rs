//! Keys: made, shown once, used, changed and ended.

use http::Method;
use tollgate::domain::role::Role;

use super::between;
use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::TestDb;

#[tokio::test]
async fn a_key_made_in_the_page_calls_at_once_and_is_shown_once() {
    let app = TestApp::start().await;
    let person = app.person(Role::Member).await;
    let keys = format!("/orgs/{}/keys", app.organisation.id);
    let new = format!("{keys}/new");
    let form = app.page(&person, &new).await;
    let once = between(form.assert_page(200), "name=\"once\" value=\"", "\"").to_owned();
    let filled = [
        ("once", once.as_str()),
        ("name", "<script>alert(1)</script>"),
        ("quota", "1,000,000"),
        ("quota_period", "month"),
        ("requests_per_minute", "60"),
        ("model_access", "all"),
        ("expiry", "never"),
    ];
    let made = app.submit(&person, &new, &filled).await;
    let page = made.assert_page(200);
    assert!(!page.contains("<script>alert"), "{page}");
    let secret = between(page, "readonly value=\"", "\"").to_owned();
    assert_eq!(app.client.chat(&secret).await.status.as_u16(), 200);

    // The same form again makes no second key and shows nothing.
    let again = app.submit(&person, &new, &filled).await;
    let settings = again.leads_to().to_owned();
    assert!(settings.contains("done=shown"), "{settings}");
    for path in [keys.as_str(), settings.as_str()] {
        let page = app.page(&person, path).await;
        assert!(!page.assert_page(200).contains(&secret));
    }
    let list = app.page(&person, &keys).await;
    assert_eq!(list.text().matches("row-link").count(), 1);
}

#[tokio::test]
async fn a_form_with_mistakes_names_each_and_keeps_what_was_typed() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let new = format!("/orgs/{}/keys/new", app.organisation.id);
    let filled = [
        ("name", "kept"),
        ("quota", "many"),
        ("concurrency", "-1"),
        ("budget", "1e3"),
    ];
    let refused = app.submit(&person, &new, &filled).await;
    let page = refused.assert_page(422);
    for error in ["error-quota", "error-concurrency", "error-budget"] {
        assert!(page.contains(error), "{error}");
    }
    assert!(page.contains("value=\"kept\"") && page.contains("value=\"many\""));
    // Browsers begin at the first of several.
    let first = between(page, " autofocus", ">");
    assert!(first.contains("error-quota"), "{first}");
}

#[tokio::test]
async fn what_is_to_be_tried_names_a_model_that_the_project_allows() {
    let models = ["a-first", "b-allowed"];
    let models = models.map(|name| format!("[[models]]\nname = \"{name}\"\nprovider = \"mock\"\n"));
    let (database, provider) = (TestDb::sqlite().await, Provider::honest().await);
    let app = TestApp::with(database, provider, &models.concat()).await;
    let person = app.person(Role::Owner).await;
    let org = format!("/orgs/{}", app.organisation.id);
    let body = r#"{"name":"narrow","models":["b-*"]}"#;
    let projects = format!("{org}/projects");
    let made = app.ask(&person, Method::POST, &projects, body);
    let project = made.await.assert_json(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let filled = [("name", "x"), ("project", project.as_str())];
    let made = app
        .submit(&person, &format!("{org}/keys/new"), &filled)
        .await;
    let page = made.assert_page(200);
    let model = between(page, "&#34;model&#34;: &#34;", "&#34;");
    assert_eq!(model, "b-allowed");
}

#[tokio::test]
async fn the_keys_of_a_project_are_a_list_that_says_so() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let org = format!("/orgs/{}", app.organisation.id);
    let key = app.key().await;
    let other = app.project_of(app.organisation.id).await;
    let projects = app.page(&person, &format!("{org}/projects")).await;
    let projects = projects.assert_page(200);
    let lists = projects.split("/keys?project=").skip(1);
    let lists: Vec<_> = lists.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(lists.len(), 2);
    for project in lists {
        let list = format!("{org}/keys?project={project}&status=active");
        let page = app.page(&person, &list).await;
        let page = page.assert_page(200);
        let has_key = project != other.to_string();
        assert_eq!(page.contains(&format!("/keys/{}", key.id)), has_key);
        let (before, _) = page.split_once("Project: ").unwrap();
        let (_, chip) = before.rsplit_once("<a ").unwrap();
        assert!(
            chip.contains(&format!("href=\"{org}/keys?status=active\"")),
            "{chip}"
        );
    }
}

#[tokio::test]
async fn a_decimal_comma_is_a_mistake_and_no_hundredfold_limit() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let new = format!("/orgs/{}/keys/new", app.organisation.id);
    let form = app.page(&person, &new).await;
    let page = form.assert_page(200);
    assert!(between(page, "id=\"field-budget\"", ">").contains("inputmode=\"decimal\""));
    assert!(between(page, "id=\"field-quota\"", ">").contains("inputmode=\"numeric\""));
    let filled = [
        ("name", "kept"),
        ("quota", "1,5"),
        ("budget", "25,50"),
        ("requests_per_minute", "1,0"),
    ];
    let refused = app.submit(&person, &new, &filled).await;
    let page = refused.assert_page(422);
    for field in ["quota", "budget", "requests_per_minute"] {
        assert!(page.contains(&format!("error-{field}")), "{field}");
    }
    assert!(between(page, "id=\"error-budget\"", "</p>").contains("such as 1,234.50"));

    let filled = [
        ("name", "large"),
        ("quota", "1,234,567"),
        ("budget", "1,234.50"),
        ("model_access", "all"),
    ];
    app.submit(&person, &new, &filled).await.assert_page(200);
    let keys = format!("/orgs/{}/keys", app.organisation.id);
    let keys = app.look(&person, &keys).await.assert_json(200);
    let limits = &keys["data"][0]["limits"];
    assert_eq!(limits["quota"]["amount"], 1_234_567);
    assert_eq!(limits["budget"]["amount_usd"], "1234.50");
}

#[tokio::test]
async fn a_key_is_disabled_enabled_rotated_and_deleted_by_forms() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let key = app.key().await;
    let path = format!("/orgs/{}/keys/{}", app.organisation.id, key.id);
    let submit = async |what: &str, fields: &[(&str, &str)]| {
        app.submit(&person, &format!("{path}/{what}"), fields).await
    };
    assert!(
        submit("disable", &[])
            .await
            .leads_to()
            .contains("done=disabled")
    );
    app.until("the key is refused", async || {
        (app.client.chat(&key.secret).await.status.as_u16() == 401).then_some(())
    })
    .await;
    assert!(
        submit("enable", &[])
            .await
            .leads_to()
            .contains("done=enabled")
    );

    let asked = app.page(&person, &format!("{path}/rotate")).await;
    let version = between(asked.assert_page(200), "rotate?version=", "\"").to_owned();
    let rotate = format!("rotate?version={version}");
    let rotated = submit(&rotate, &[("grace", "0")]).await;
    let secret = between(rotated.assert_page(200), "readonly value=\"", "\"").to_owned();
    submit(&rotate, &[("grace", "0")]).await.assert_page(412);
    app.until("the new secret works", async || {
        (app.client.chat(&secret).await.status.as_u16() == 200).then_some(())
    })
    .await;

    submit("delete", &[("confirm", "Test")])
        .await
        .assert_page(422);
    assert!(
        submit("delete", &[("confirm", "test")])
            .await
            .leads_to()
            .contains("done=deleted")
    );
    app.page(&person, &path).await.assert_page(404);
}

#[tokio::test]
async fn an_edit_of_what_someone_else_changed_is_refused() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let key = app.key().await;
    let path = format!("/orgs/{}/keys/{}/settings", app.organisation.id, key.id);
    let form = app.page(&person, &path).await;
    let version = between(form.assert_page(200), "name=\"version\" value=\"", "\"").to_owned();
    let edit = [
        ("version", version.as_str()),
        ("name", "Renamed"),
        ("model_access", "all"),
    ];
    assert!(
        app.submit(&person, &path, &edit)
            .await
            .leads_to()
            .contains("done=saved")
    );
    let edit = [
        ("version", version.as_str()),
        ("name", "Again"),
        ("model_access", "all"),
    ];
    app.submit(&person, &path, &edit).await.assert_page(412);
}

#[tokio::test]
async fn several_keys_are_deleted_after_the_question_only() {
    let app = TestApp::start().await;
    let person = app.person(Role::Owner).await;
    let (one, two) = (app.key().await, app.key().await);
    let bulk = format!("/orgs/{}/keys/bulk", app.organisation.id);
    let ids = [one.id.to_string(), two.id.to_string()];
    let ticked = [
        ("action", "delete"),
        ("id", ids[0].as_str()),
        ("id", ids[1].as_str()),
    ];
    let question = app.submit(&person, &bulk, &ticked).await;
    let action = between(question.assert_page(200), "bulk?", "\"").replace("&#38;", "&");
    let sure = format!("{bulk}?{action}");
    app.submit(&person, &sure, &[("confirm", "2")])
        .await
        .assert_page(422);
    let deleted = app.submit(&person, &sure, &[("confirm", "2 keys")]).await;
    assert!(deleted.leads_to().contains("done=deleted"));
    let path = format!("/orgs/{}/keys/{}", app.organisation.id, one.id);
    app.page(&person, &path).await.assert_page(404);
}
