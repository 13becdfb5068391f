//! What a person does in a browser and by the management API, and every page there is.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::outputs::Outputs;
use super::{PASSWORD, WRONG};
use crate::support::client::{Client, Reply};

pub(super) struct Site {
    pub(super) client: Client,
    pub(super) cookie: String,
    pub(super) outputs: Outputs,
}

impl Site {
    pub(super) async fn send(&self, method: Method, path: &str, body: &str) -> Reply {
        let kind = if path.starts_with("/api/") {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let mut headers = vec![
            ("cookie", self.cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        if !body.is_empty() {
            headers.push(("content-type", kind));
        }
        self.client
            .send(method, path, &headers, body)
            .await
            .read()
            .await
    }

    /// Follows every link within the site and keeps each page.
    pub(super) async fn crawl(&mut self) -> usize {
        let (mut seen, mut ahead) = (BTreeSet::new(), vec!["/".to_owned(), "/nowhere".to_owned()]);
        while let Some(path) = ahead.pop() {
            if seen.len() > 300 || !seen.insert(path.clone()) {
                continue;
            }
            let page = self.send(Method::GET, &path, "").await;
            if let Some(next) = page.header("location") {
                ahead.push(next.to_owned());
            }
            if page
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("text/html"))
            {
                let links = page.text().split("href=\"").skip(1);
                let links = links.filter_map(|rest| rest.split('"').next());
                let own =
                    links.filter(|link| link.starts_with('/') && !link.starts_with("/assets/"));
                ahead.extend(own.map(|link| link.replace("&amp;", "&").replace("&#38;", "&")));
            }
            self.outputs.reply(&path, &page);
        }
        seen.len()
    }

    /// Asks everything that the document knows.
    pub(super) async fn ask_all(&mut self, document: &Value, org: &str, key: &str) {
        for (path, methods) in document["paths"].as_object().unwrap() {
            if methods.get("get").is_some() {
                let path = path.replace("{org}", org).replace("{id}", key);
                let answer = self.send(Method::GET, &path, "").await;
                self.outputs.reply(&path, &answer);
            }
        }
    }
}

/// Signs in by both doors, and makes, turns and ends secrets. Answers the organisation, a key that stays,
/// and every secret that was shown once.
pub(super) async fn manage(site: &mut Site) -> (String, String, Vec<String>) {
    let wrong = json!({"email": "ann@example.com", "password": WRONG}).to_string();
    let refused = site.send(Method::POST, "/api/v1/session", &wrong).await;
    assert_eq!(refused.status, 401);
    site.outputs.reply("wrong password", &refused);
    let form = format!("email=ann%40example.com&password={WRONG}");
    let refused = site.send(Method::POST, "/sign-in", &form).await;
    site.outputs.reply("wrong password in the form", &refused);
    let form = format!("email=ann%40example.com&password={PASSWORD}");
    let signed_in = site.send(Method::POST, "/sign-in", &form).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
    let cookie = signed_in.header("set-cookie").unwrap();
    cookie
        .split(';')
        .next()
        .unwrap()
        .clone_into(&mut site.cookie);

    let me = site.send(Method::GET, "/api/v1/me", "").await.json();
    let org = me["organizations"][0]["id"].as_str().unwrap().to_owned();
    let keys = format!("/api/v1/orgs/{org}/keys");
    let mut secrets = Vec::new();
    let made = site
        .send(Method::POST, &keys, r#"{"name":"One"}"#)
        .await
        .json();
    let key = made["key"]["id"].as_str().unwrap().to_owned();
    secrets.push(made["secret"].as_str().unwrap().to_owned());
    for (path, body) in [
        (format!("{keys}/{key}/rotate"), "{}".to_owned()),
        (
            format!("/api/v1/orgs/{org}/tokens"),
            r#"{"name":"T","role":"viewer"}"#.to_owned(),
        ),
        (
            format!("/api/v1/orgs/{org}/invitations"),
            r#"{"email":"new@example.com","role":"viewer"}"#.to_owned(),
        ),
    ] {
        let made = site.send(Method::POST, &path, &body).await.json();
        secrets.push(made["secret"].as_str().unwrap().to_owned());
    }
    for (path, body) in [
        (
            keys.clone(),
            format!(r#"{{"name":"{}","unknown":"{PASSWORD}"}}"#, "n"),
        ),
        (
            "/api/v1/me/password".to_owned(),
            json!({"current": WRONG, "new": PASSWORD}).to_string(),
        ),
        (
            "/api/v1/keys/revoke-leaked".to_owned(),
            json!({"key": format!("{}x", &secrets[0][..34])}).to_string(),
        ),
    ] {
        let refused = site.send(Method::POST, &path, &body).await;
        site.outputs.reply(&path, &refused);
    }
    (org, key, secrets)
}
