//! Lists that are short are whole, or read page by page.

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::role::Role;

use crate::support::app::TestApp;
use crate::support::people::Asker;

/// What `name` is of everything in the list at `path`, two at a time.
async fn by_two(app: &TestApp, who: &dyn Asker, path: &str, name: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.look(who, &format!("{path}?limit=2{cursor}")).await;
        let page = page.assert_json(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2, "{path}: {page}");
        all.extend(data.iter().map(|one| one[name].clone()));
        let Some(next) = page["next_cursor"].as_str() else {
            return all;
        };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn short_lists_take_a_limit_and_a_cursor() {
    let app = TestApp::start().await;
    let (owner, operator) = (app.person(Role::Owner).await, app.operator_token().await);
    let org = format!("/orgs/{}", app.organisation.id);
    for name in ["C", "A", "D", "B"] {
        let project = json!({"name": name});
        let token = json!({"name": name, "role": "viewer"});
        let guest = json!({"email": format!("{name}@example.com"), "role": "viewer"});
        for (list, body) in [
            ("projects", project),
            ("tokens", token),
            ("invitations", guest),
        ] {
            let path = format!("{org}/{list}");
            let made = app
                .ask(&owner, Method::POST, &path, &body.to_string())
                .await;
            made.assert_json(201);
        }
        app.another_organisation(name).await;
        app.person(Role::Viewer).await;
    }
    let lists: [(&dyn Asker, String, &str); 7] = [
        (&owner, format!("{org}/projects"), "id"),
        (&owner, format!("{org}/tokens"), "id"),
        (&owner, format!("{org}/invitations"), "email"),
        (&owner, format!("{org}/members"), "email"),
        (&operator, "/orgs".to_owned(), "name"),
        (&owner, "/me/sessions".to_owned(), "id"),
        (&operator, "/providers".to_owned(), "name"),
    ];
    for (who, path, name) in lists {
        let whole = app.look(who, &path).await.assert_json(200);
        assert_eq!(whole["next_cursor"], Value::Null);
        let whole = whole["data"].as_array().unwrap().iter();
        let whole: Vec<_> = whole.map(|one| one[name].clone()).collect();
        assert_eq!(by_two(&app, who, &path, name).await, whole, "{path}");
        for wrong in ["limit=0", "limit=201", "cursor=zzz", "page=2"] {
            let refused = app.look(who, &format!("{path}?{wrong}")).await;
            refused.assert_problem(400, "invalid");
        }
    }
}
