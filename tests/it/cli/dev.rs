//! `tollgate dev` as the README tells it: one command, one line to paste, and what it used.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Installation;
use crate::support::running::Running;

/// Pastes `line` into a shell.
fn paste(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_it_prints_works_as_pasted_and_is_booked_as_the_provider_reported_it() {
    let tollgate = Installation::new();
    let mut command = tollgate.command();
    command.env("TOLLGATE_SERVER__LISTEN", "127.0.0.1:0");
    let mut running = Running::start(command.arg("dev"));
    let curl = running.says("curl -sN ");
    let link = running.says("/sign-in/");
    let shown = running.says("usage --org Demo");
    assert!(paste(&format!("curl -s {link}")).contains("Your link works once."));

    let whole: Value = serde_json::from_str(&paste(&curl)).unwrap();
    let mut reported = whole["usage"]["total_tokens"].as_i64().unwrap();
    let stream = r#"{"stream":true,"stream_options":{"include_usage":true},"model""#;
    let events = paste(&curl.replacen(r#"{"model""#, stream, 1));
    assert!(events.ends_with("data: [DONE]\n\n"), "{events}");
    let usage = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let usage = usage.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let mut usage = usage.filter_map(|event| event["usage"]["total_tokens"].as_i64());
    reported += usage.next_back().unwrap();
    let silent = paste(&curl.replacen(r#"{"model""#, r#"{"stream":true,"model""#, 1));
    assert!(silent.ends_with("data: [DONE]\n\n") && !silent.contains("\"usage\":{"));

    let shown: Vec<&str> = shown.split_whitespace().skip(1).collect();
    assert_eq!(shown[..2], ["--data-dir", "./data/dev"]);
    let began = Instant::now();
    let sum = loop {
        let sum = tollgate.json(&shown)["data"][0].clone();
        if sum["requests"] == 3 || began.elapsed() > Duration::from_secs(10) {
            break sum;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(sum["requests"], 3);
    // The third call is the second without the report to its client.
    let second = reported - whole["usage"]["total_tokens"].as_i64().unwrap();
    assert_eq!(sum["total_tokens"], reported + second);
    assert_eq!(sum["estimated_tokens"], 0);

    running.signal("INT");
    assert_eq!(running.ended().0.code(), Some(0));
}

#[test]
fn what_it_prints_leads_to_its_own_database_from_any_directory_name() {
    let tollgate = Installation::new();
    let mut command = tollgate.command();
    command.env("TOLLGATE_SERVER__LISTEN", "127.0.0.1:0");
    command.env("DATABASE_URL", "sqlite://elsewhere.db");
    let mut running = Running::start(command.args(["dev", "--data-dir", "it's a try"]));
    let shown = running.says("usage --org Demo");
    let program = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), env!("PATH"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &shown]).env_clear().env("PATH", path);
    shell.env("DATABASE_URL", "sqlite://elsewhere.db");
    shell.current_dir(tollgate.directory.path());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{shown}: {output:?}");
    running.signal("INT");
    assert_eq!(running.ended().0.code(), Some(0));
}
