//! The document held against the running server by schemathesis, which makes up requests from it: no
//! 5xx, and no answer that the document does not know. Runs where `TOLLGATE_SCHEMATHESIS` names it.

use std::process::{Command, Stdio};

use tempfile::TempDir;
use tollgate::domain::role::Role;

use crate::support::app::{TestApp, TestKey};
use crate::support::people::TestToken;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance";

/// Names that stand for things that are there; made-up ones only ever find nothing.
fn settings(app: &TestApp, key: &TestKey) -> String {
    let (org, key) = (app.organisation.id, key.id);
    format!(
        "[parameters]\n\"path.org\" = \"{org}\"\n\n[[operations]]\n\
         include-path-regex = \"/keys/\"\n\
         parameters = {{ \"path.id\" = \"{key}\" }}\n"
    )
}

/// Has schemathesis ask as `token`, for half a minute.
async fn hold(app: &TestApp, program: &str, token: &TestToken) {
    let document = format!("http://{}/api/v1/openapi.json", app.client.address);
    let bearer = format!("Authorization: Bearer {}", token.secret);
    let scratch = TempDir::new().unwrap();
    let settings = settings(app, &app.key().await);
    std::fs::write(scratch.path().join("schemathesis.toml"), settings).unwrap();
    let mut command = Command::new(program);
    command
        .args(["run", &document, "--header", &bearer, "--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-time", "30"])
        .args(["--seed", "1", "--no-color", "--continue-on-failure"])
        .current_dir(scratch.path())
        .stdin(Stdio::null());
    // The server runs on the other threads.
    let output = tokio::task::block_in_place(|| command.output()).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_one_that_the_document_knows() {
    let Ok(program) = std::env::var("TOLLGATE_SCHEMATHESIS") else {
        return;
    };
    let app = TestApp::start().await;
    hold(&app, &program, &app.token(Role::Owner).await).await;
    hold(&app, &program, &app.operator_token().await).await;
}
