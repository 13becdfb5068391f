//! The metrics: complete, well formed, and no more of them with more keys. What alerts and the dashboard
//! ask for is there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use futures_util::StreamExt;

use crate::provider::{Answer, EventStream, Provider, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::collector::Collector;
use crate::support::db::TestDb;

const ALERTS: &str = include_str!("../../../config/prometheus/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../config/grafana/tollgate.json");

/// Keys of the long run.
const MANY: usize = 10_000;
const FEW: usize = 200;

/// One call of each kind that is counted apart.
async fn all_kinds(app: &TestApp, secret: &str) {
    assert_eq!(app.client.chat(secret).await.status, 200);
    app.client
        .chat("sk-nobody")
        .await
        .assert_refused(401, "invalid_api_key");
    app.provider
        .direct(|_| EventStream::of([sse::chunk("x")]).eof());
    let stream = chat_body(r#","stream":true"#);
    assert_eq!(app.client.post(CHAT, secret, &stream).await.status, 200);
    app.provider
        .direct(|_| Answer::error(500, "server_error", "e", "m").script());
    assert_eq!(app.client.chat(secret).await.status, 502);
}

/// Names of samples, by the types that are declared.
fn names(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let samples = types.flat_map(|declared| {
        let (name, kind) = declared.split_once(' ').unwrap();
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            "gauge" => &[""],
            other => panic!("{name} is a {other}"),
        };
        endings.iter().map(move |ending| format!("{name}{ending}"))
    });
    samples.collect()
}

/// Names of ours that `text` has.
fn asked_for(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("tollgate_").map(|(at, _)| &text[at..]);
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    starts
        .map(|rest| rest.split(|c| !is_name(c)).next().unwrap().to_owned())
        .collect()
}

/// Each sample's name and labels.
fn series(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
        .collect()
}

#[tokio::test]
async fn what_alerts_and_the_dashboard_ask_for_is_there() {
    let collector = Collector::start().await;
    let (database, provider) = (TestDb::sqlite().await, Provider::honest().await);
    let app = TestApp::with(database, provider, &collector.config()).await;
    all_kinds(&app, &app.key().await.secret).await;
    let text = app.metrics.text();
    let there = names(&text);
    for page in [ALERTS, DASHBOARD] {
        let asked = asked_for(page);
        assert!(asked.len() > 5, "{asked:?}");
        let missing: Vec<_> = asked.difference(&there).collect();
        assert!(missing.is_empty(), "{missing:?} in {there:?}");
    }
    // What operators were promised, by the words of the issue.
    for name in [
        "tollgate_calls_total",
        "tollgate_tokens_total",
        "tollgate_call_duration_seconds_bucket",
        "tollgate_time_to_first_byte_seconds_bucket",
        "tollgate_refusals_total",
        "tollgate_holds",
        "tollgate_leases",
        "tollgate_journal_lag_seconds",
        "tollgate_journal_unbooked_calls",
        "tollgate_cached_keys",
        "tollgate_key_lookups_total",
        "tollgate_provider_calls_total",
        "tollgate_ledger_differences",
        "tollgate_spans_dropped_total",
    ] {
        assert!(there.contains(name), "{name} in {there:?}");
    }
}

#[tokio::test]
async fn what_is_held_and_leased_is_shown_while_it_is() {
    let mut app = TestApp::start().await;
    let key = app.limited_key(super::limits::quota(100_000)).await;
    app.provider.hold();
    let (client, secret) = (app.client.clone(), key.secret.clone());
    let call =
        tokio_util::task::TaskTracker::new().spawn(async move { client.chat(&secret).await });
    app.provider.waiting(1).await;
    let text = app.metrics.text();
    for line in [
        "tollgate_holds 1\n",
        "tollgate_leases 1\n",
        "tollgate_key_lookups_total 1\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    app.provider.release();
    assert_eq!(call.await.unwrap().status, 200);
    app.stop().await;
    assert!(app.metrics.text().contains("tollgate_holds 0\n"));
}

#[tokio::test]
async fn more_keys_make_no_more_series() {
    let app = TestApp::start().await;
    all_kinds(&app, &app.key().await.secret).await;
    app.provider.direct(crate::provider::honest);
    let before = series(&app.metrics.text());
    let is_long = std::env::var_os("TOLLGATE_TEST_LONG").is_some();
    let count = if is_long { MANY } else { FEW };
    let calls = futures_util::stream::iter(0..count).map(async |_| {
        let key = app.key().await;
        let answer = app.client.chat(&key.secret).await;
        (answer.status.as_u16(), key.id.to_string())
    });
    let called: Vec<_> = calls.buffer_unordered(16).collect().await;
    assert!(called.iter().all(|(status, _)| *status == 200));
    let text = app.metrics.text();
    let lookups = text.split("tollgate_key_lookups_total ").nth(1).unwrap();
    let lookups: usize = lookups.lines().next().unwrap().parse().unwrap();
    assert!(
        lookups > count,
        "each key was looked up, if not more often because another was just made"
    );
    assert_eq!(series(&text), before);
    let (_, id) = &called[0];
    assert!(!text.contains(id.as_str()));
}

#[tokio::test]
async fn promtool_finds_no_fault() {
    let Ok(program) = std::env::var("TOLLGATE_PROMTOOL") else {
        return;
    };
    let app = TestApp::start().await;
    all_kinds(&app, &app.key().await.secret).await;
    let text = plain(&app.metrics.text());
    let piped = || Stdio::piped();
    let mut promtool = Command::new(program);
    let promtool = promtool
        .args(["check", "metrics"])
        .stdin(piped())
        .stdout(piped())
        .stderr(piped());
    let mut promtool = promtool.spawn().unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let said = promtool.wait_with_output().unwrap();
    let said = format!("{said:?}");
    assert!(said.contains(r#"stdout: "", stderr: """#), "{said}\n{text}");
}

/// `OpenMetrics` as the older format that promtool reads: there the ending belongs to a family's name,
/// and units have no line.
fn plain(text: &str) -> String {
    let endings = [("counter", "_total"), ("info", "_info")];
    let ending = |name: &str| {
        let is_of = |(kind, _): &&(&str, &str)| text.contains(&format!("# TYPE {name} {kind}\n"));
        endings.iter().find(is_of).map_or("", |(_, ending)| ending)
    };
    let mut lines = String::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(word @ ("HELP" | "TYPE")), Some(name), Some(rest)) => {
                let rest = if rest == "info" { "gauge" } else { rest };
                writeln!(lines, "# {word} {name}{} {rest}", ending(name)).unwrap();
            }
            (Some("#"), ..) => {}
            _ => {
                lines += line;
                lines.push('\n');
            }
        }
    }
    lines
}
