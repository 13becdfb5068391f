//! What must never be seen again: keys, credentials and prompts in logs, answers and the database.

use http::Method;

use crate::provider::Answer;
use crate::support::app::{CREDENTIAL, TestApp};
use crate::support::client::{CHAT, chat_body};
use crate::support::log::Log;

#[tokio::test]
async fn no_log_line_holds_a_key_a_prompt_or_a_query() {
    let (log, _logging) = Log::start();
    let app = TestApp::start().await;
    let key = app.key().await;
    let path = format!("{CHAT}?api_key=query-canary");
    let headers = [
        ("x-api-key", key.secret.as_str()),
        ("cookie", "session=cookie-canary"),
    ];
    let body = chat_body(r#","user":"prompt-canary""#);
    let opened = app.client.send(Method::POST, &path, &headers, &body).await;
    assert_eq!(opened.read().await.status, 200);
    let failing = |_: &_| Answer::error(500, "server_error", "e", "body-canary").script();
    app.provider.direct(failing);
    assert_eq!(app.client.chat(&key.secret).await.status, 502);
    app.client
        .get("/v1/models/path-canary%2Fx", "sk-wrong-canary")
        .await
        .assert_refused(401, "invalid_api_key");
    app.booked(1).await;
    let log = log.text();
    assert!(log.contains(&key.id.to_string()) && log.contains(CHAT));
    for secret in [&key.secret[7..31], CREDENTIAL, "canary"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test]
async fn a_key_is_in_no_answer_and_not_in_the_database() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let secret = &key.secret[7..31];
    let answers = [
        app.client.chat(&key.secret).await,
        app.client.get("/v1/models", &key.secret).await,
        app.client.post(CHAT, &key.secret, "{").await,
        app.client.get("/v1/models/x", &key.secret[..34]).await,
        app.client.get("/nowhere", &key.secret).await,
    ];
    for answer in answers {
        let seen = format!("{:?} {}", answer.headers, answer.text());
        assert!(!seen.contains(secret), "{seen}");
    }
    app.booked(1).await;
    let mut files = 0;
    for entry in walk(app.database.directory.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = memchr::memmem::find(&bytes, secret.as_bytes());
        assert_eq!(found, None, "{}", entry.display());
        files += 1;
    }
    assert!(files > 0);
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
