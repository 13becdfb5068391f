//! How commands fail: one line that says what to do, and a code for scripts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use super::{Installation, failed};

#[test]
fn wrong_usage_ends_with_2() {
    let tollgate = Installation::new();
    for (line, hint) in [
        (&["org", "creat", "x"][..], "create"),
        (&["key", "create", "--org", "A"], "--name"),
        (&["key", "list"], "--org"),
        (&["key", "rotate", "x"], "ID"),
        (
            &["key", "update", "Production"],
            "`tollgate key list --org ORG`",
        ),
        (&["org", "list", "--output", "yaml"], "json"),
        (&["org", "create", "A", "--rpm", "x"], "--rpm"),
        (&["usage", "--org", "A", "--by", "day,hour,key"], "--by"),
        (&["org", "create", " "], "name"),
        (&["org", "create", "A", "--quota-period", "day"], "--quota"),
    ] {
        if line.starts_with(&["usage"]) {
            tollgate.organisation("A");
        }
        let message = tollgate.failure(2, line);
        assert!(message.contains(hint), "{message}");
    }
}

#[test]
fn what_is_not_there_ends_with_1_and_says_where_to_look() {
    let tollgate = Installation::new();
    let line = tollgate.failure(1, &["key", "list", "--org", "Nobody"]);
    assert!(
        line.contains("\"Nobody\"") && line.contains("org list"),
        "{line}"
    );
}

#[test]
fn a_database_that_is_away_is_named_without_its_password() {
    let tollgate = Installation::new();
    let mut command = tollgate.command();
    command.env("DATABASE_URL", "postgres://u:s3cr3t@127.0.0.1:1/d");
    let output = command.args(["org", "list"]).output().unwrap();
    let line = failed(1, &output);
    assert!(
        line.contains("127.0.0.1:1") && !line.contains("s3cr3t"),
        "{line}"
    );
}

#[test]
fn a_database_url_that_cannot_be_read_is_shown_without_its_password() {
    let tollgate = Installation::new();
    for line in [&["config", "show"][..], &["org", "list"], &["serve"]] {
        for password in [
            "s3cr3t?retpw",
            "s3cr3t#retpw",
            "a:b/s3cr3t@retpw",
            "12?s3cr3t",
            "12/s3cr3t",
            "12#s3cr3t",
        ] {
            let mut command = tollgate.command();
            command.env("DATABASE_URL", format!("postgres://u:{password}@h/d"));
            let line = failed(78, &command.args(line).output().unwrap());
            assert!(
                line.contains("DATABASE_URL") && line.contains("%3F"),
                "{line}"
            );
            assert!(
                !line.contains("s3cr3t") && !line.contains("retpw"),
                "{line}"
            );
        }
    }
}

#[test]
fn a_range_that_ends_before_it_begins_is_wrong_usage() {
    let tollgate = Installation::new();
    for name in ["usage", "calls"] {
        let mut command = tollgate.command();
        let range = ["--from", "2026-12-02", "--to", "2026-12-01"];
        command.args([name, "--org", "Acme"]).args(range);
        let line = failed(2, &command.output().unwrap());
        assert!(line.contains("--from"), "{line}");
    }
}

#[test]
fn help_is_no_failure() {
    let tollgate = Installation::new();
    for line in [
        &["--help"][..],
        &["key", "create", "--help"],
        &["--version"],
    ] {
        assert!(tollgate.text(line).contains("tollgate") || line.len() > 1);
    }
    assert!(
        tollgate
            .text(&["completions", "bash"])
            .contains("healthcheck")
    );
}

#[test]
fn a_reader_that_stops_reading_is_no_failure() {
    let tollgate = Installation::new();
    let mut command = tollgate.command();
    command
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stderr, b"");
    assert!(output.status.success());
}

/// A gateway that answers one request with `status`; the address it listens on.
fn gateway(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let length = stream.read(&mut head).unwrap();
        assert!(head[..length].starts_with(b"GET /readyz HTTP/1.1\r\n"));
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
    });
    address
}

#[test]
fn the_health_check_asks_the_running_gateway() {
    let tollgate = Installation::new();
    let check = |address: &str| {
        let mut command = tollgate.command();
        command.env("TOLLGATE_SERVER__LISTEN", address);
        command.arg("healthcheck").output().unwrap()
    };
    assert!(check(&gateway("200 OK")).status.success());
    let line = failed(1, &check(&gateway("503 Service Unavailable")));
    assert!(line.contains("not ready"), "{line}");
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let line = failed(1, &check(&closed.to_string()));
    assert!(line.contains("running"), "{line}");
}
