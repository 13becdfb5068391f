//! People: made on the command line, set up by the link that a fresh server prints.

use std::io::Write;
use std::process::{Output, Stdio};

use http::Method;
use serde_json::json;

use super::{Installation, failed};
use crate::provider::Provider;
use crate::support::client::{Client, Reply};
use crate::support::people::PASSWORD;

const SESSION: &str = "/api/v1/session";

async fn post(client: &Client, path: &str, body: serde_json::Value) -> Reply {
    let (headers, body) = ([("content-type", "application/json")], body.to_string());
    let sent = client.send(Method::POST, path, &headers, &body).await;
    sent.read().await
}

pub(super) fn with_password(
    tollgate: &Installation,
    password: &[u8],
    arguments: &[&str],
) -> Output {
    let mut command = tollgate.command();
    command.args(["user", "create", "--password-stdin", "--output", "json"]);
    let command = command.args(arguments).stdin(Stdio::piped());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A line that is refused is not read.
    let _ = child.stdin.take().unwrap().write_all(password);
    child.wait_with_output().unwrap()
}

fn last_part(link: &str) -> String {
    link.trim().rsplit_once('/').unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_a_password_signs_in_and_one_without_gets_a_link() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    let line = [
        "--email",
        "Ann@Example.com",
        "--org",
        "Acme",
        "--role",
        "owner",
        "--operator",
    ];
    let created = with_password(&tollgate, format!("{PASSWORD}\n").as_bytes(), &line);
    assert!(created.status.success(), "{created:?}");
    let ann: serde_json::Value = serde_json::from_slice(&created.stdout).unwrap();
    assert_eq!(
        (&ann["email"], &ann["name"]),
        (&json!("ann@example.com"), &json!("ann"))
    );
    assert_eq!(
        (&ann["operator"], &ann["link"]),
        (&json!(true), &json!(null))
    );
    let bob = tollgate.json(&[
        "user",
        "create",
        "--email",
        "bob@example.com",
        "--name",
        "Bob",
    ]);
    let bobs = bob["link"].as_str().unwrap();
    assert!(bobs.starts_with("http://127.0.0.1:8080/sign-in/"), "{bobs}");

    let running = tollgate.serve(&Provider::honest().await, "");
    let client = Client::new(running.address().parse().unwrap());
    let proof = json!({"email": "ann@example.com", "password": PASSWORD});
    let me = post(&client, SESSION, proof).await.assert_json(200);
    assert_eq!(me["organizations"][0]["role"], "owner");
    let proof = json!({"secret": last_part(bobs)});
    let me = post(&client, "/api/v1/session/link", proof)
        .await
        .assert_json(200);
    assert_eq!(me["user"]["name"], "Bob");

    // Beside the running server.
    let reset = tollgate.text(&["user", "reset-password", "--email", "ANN@example.com"]);
    let body = json!({"secret": last_part(&reset), "password": "a new password"});
    assert_eq!(
        post(&client, "/api/v1/password/reset", body).await.status,
        204
    );
    let proof = json!({"email": "ann@example.com", "password": "a new password"});
    post(&client, SESSION, proof).await.assert_json(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_disabled_is_out_and_may_come_back() {
    let tollgate = Installation::new();
    let line = ["--email", "ann@example.com", "--operator"];
    let created = with_password(&tollgate, PASSWORD.as_bytes(), &line);
    assert!(created.status.success(), "{created:?}");
    tollgate.json(&["user", "create", "--email", "bob@example.com", "--operator"]);
    let listed = tollgate.json(&["user", "list"]);
    let emails: Vec<_> = listed["data"].as_array().unwrap().iter().collect();
    assert_eq!(emails.len(), 2);
    assert_eq!(emails[0]["email"], "ann@example.com");
    assert_eq!(emails[0]["status"], "active");

    let running = tollgate.serve(&Provider::honest().await, "");
    let client = Client::new(running.address().parse().unwrap());
    let proof = json!({"email": "ann@example.com", "password": PASSWORD});
    let signed_in = post(&client, SESSION, proof.clone()).await;
    signed_in.assert_json(200);
    let cookie = signed_in.cookie().unwrap();
    let disabled = tollgate.json(&["user", "disable", "--email", "Ann@example.com"]);
    assert_eq!(disabled["status"], "disabled");
    let headers = [("cookie", cookie.as_str())];
    let opened = client.send(Method::GET, "/api/v1/me", &headers, "").await;
    opened.read().await.assert_problem(401, "unauthenticated");
    let refused = post(&client, SESSION, proof.clone()).await;
    refused.assert_problem(401, "invalid_credentials");
    let line = ["user", "reset-password", "--email", "ann@example.com"];
    assert!(tollgate.failure(1, &line).contains("disabled"));
    let line = ["user", "disable", "--email", "bob@example.com"];
    assert!(tollgate.failure(1, &line).contains("last operator"));
    tollgate.json(&["user", "enable", "--email", "ann@example.com"]);
    post(&client, SESSION, proof).await.assert_json(200);
}

#[test]
fn what_cannot_be_is_refused_in_one_line() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    let create = ["user", "create", "--email"];
    let line = tollgate.failure(2, &[&create[..], &["nonsense"]].concat());
    assert!(line.contains("no e-mail address"), "{line}");
    for half in [["--org", "Acme"], ["--role", "owner"]] {
        tollgate.failure(2, &[&create[..], &["a@example.com"], &half].concat());
    }
    let nowhere = ["a@example.com", "--org", "Nowhere", "--role", "owner"];
    let line = tollgate.failure(1, &[&create[..], &nowhere].concat());
    assert!(line.contains("no organisation"), "{line}");
    for password in [
        &b"short"[..],
        b"",
        b"\xff\xfe not UTF-8, but long",
        &[b'x'; 5000],
    ] {
        let output = with_password(&tollgate, password, &["--email", "a@example.com"]);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{output:?}");
        failed(output.status.code().unwrap(), &output);
    }
    tollgate.json(&[&create[..], &["a@example.com"]].concat());
    let line = tollgate.failure(1, &[&create[..], &["A@example.com"]].concat());
    assert!(line.contains("exists"), "{line}");
    let line = ["user", "reset-password", "--email", "b@example.com"];
    assert!(tollgate.failure(1, &line).contains("nobody"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_server_prints_a_link_that_makes_its_first_operator() {
    let tollgate = Installation::new();
    let mut running = tollgate.serve(&Provider::honest().await, "");
    let client = Client::new(running.address().parse().unwrap());
    let link = running.whispers("/set-up/");
    let body = json!({"secret": last_part(&link), "email": "ann@example.com", "name": "Ann",
        "password": PASSWORD, "organization": "Acme"});
    let me = post(&client, "/api/v1/set-up", body).await.assert_json(200);
    assert_eq!(me["user"]["operator"], true);
    running.signal("TERM");
    running.ended();
    let mut running = tollgate.serve(&Provider::honest().await, "");
    running.address();
    running.signal("TERM");
    let (_, said) = running.ended();
    assert!(!said.contains("/set-up/"), "{said}");
}
