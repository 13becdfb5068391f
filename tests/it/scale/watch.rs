//! What people look at, through the real API, and how long each takes.

use std::time::{Duration, Instant};

use http::Method;
use tollgate::domain::time::Clock;
use tollgate::store::keys;

use super::admin;
use super::seed::Seeded;
use crate::support::app::TestApp;
use crate::support::people::{Asker, TestToken};

/// What is asked for: its name and its path.
fn paths(app: &TestApp, seeded: &Seeded) -> Vec<(&'static str, String)> {
    let org = format!("/orgs/{}", app.organisation.id);
    let (key, rare) = (seeded.key, &seeded.rare);
    vec![
        ("keys, the first 50", format!("{org}/keys")),
        ("keys, the first 200", format!("{org}/keys?limit=200")),
        ("keys by name", format!("{org}/keys?sort=name")),
        ("keys by last use", format!("{org}/keys?sort=last_used")),
        ("keys by usage", format!("{org}/keys?sort=usage")),
        ("disabled keys", format!("{org}/keys?status=disabled")),
        ("search, many match", format!("{org}/keys?search=service")),
        ("search, one matches", format!("{org}/keys?search={rare}")),
        ("search, none matches", format!("{org}/keys?search=zzzz")),
        (
            "search by name, none",
            format!("{org}/keys?search=zzzz&sort=name"),
        ),
        (
            "search by usage, none",
            format!("{org}/keys?search=zzzz&sort=usage"),
        ),
        ("finding: idle", format!("{org}/keys?finding=idle")),
        ("finding: no limit", format!("{org}/keys?finding=no_limit")),
        ("finding: old", format!("{org}/keys?finding=old")),
        (
            "finding: old secret in use",
            format!("{org}/keys?finding=grace_in_use"),
        ),
        ("usage by day", format!("{org}/usage")),
        (
            "usage by day and model",
            format!("{org}/usage?by=day,model"),
        ),
        ("usage by hour", format!("{org}/usage?by=hour")),
        ("usage by project", format!("{org}/usage?by=project")),
        ("usage of a key by day", format!("{org}/keys/{key}/usage")),
        ("calls, the first 50", format!("{org}/calls")),
        ("calls of a key", format!("{org}/calls?key={key}")),
        ("calls that failed", format!("{org}/calls?status=5xx")),
        (
            "calls of a model, none",
            format!("{org}/calls?model=no-such-model"),
        ),
        ("calls of a status, none", format!("{org}/calls?status=404")),
        ("start of usage.csv", format!("{org}/usage.csv")),
        (
            "start of usage.csv by key",
            format!("{org}/usage.csv?by=key"),
        ),
        ("start of calls.csv", format!("{org}/calls.csv")),
    ]
}

/// Asks for each, many times in a long run, and prints the medians.
#[expect(clippy::print_stdout, reason = "a long run is read by people")]
pub async fn all(app: &TestApp, seeded: &Seeded, is_long: bool) {
    let asker = admin(app).await;
    println!("| What | median ms | slowest ms |");
    println!("| --- | --- | --- |");
    for (name, path) in paths(app, seeded) {
        let ask = async || first_byte(app, &asker, &path).await;
        print(name, &timed(is_long, ask).await);
    }
    // Few keys are no reason to refuse.
    if is_long {
        for by in ["key", "day,key", "hour,key"] {
            let path = format!("/orgs/{}/usage?by={by}", app.organisation.id);
            let ask = async || answered(app, &asker, &path, 400).await;
            print(
                &format!("usage by {by}, refused"),
                &timed(is_long, ask).await,
            );
        }
    }
    let ask = async || nearest(app).await;
    print("keys closest to their quota", &timed(is_long, ask).await);
}

async fn timed(is_long: bool, mut ask: impl AsyncFnMut() -> Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..if is_long { 21 } else { 1 } {
        times.push(ask().await);
    }
    times.sort_unstable();
    times
}

#[expect(clippy::print_stdout, reason = "a long run is read by people")]
fn print(name: &str, times: &[Duration]) {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let (median, slowest) = (ms(times[times.len() / 2]), ms(*times.last().unwrap()));
    println!("| {name} | {median:.1} | {slowest:.1} |");
}

/// What the overview asks the store for.
async fn nearest(app: &TestApp) -> Duration {
    let (organisation, now) = (app.organisation.id, Clock::default().now());
    let began = Instant::now();
    let found = keys::near_quota(app.db(), organisation, None, now, 8).await;
    let took = began.elapsed();
    assert_eq!(found.unwrap().len(), 8);
    took
}

/// Until the answer begins; what is no file is whole then.
pub async fn first_byte(app: &TestApp, asker: &TestToken, path: &str) -> Duration {
    answered(app, asker, path, 200).await
}

async fn answered(app: &TestApp, asker: &TestToken, path: &str, status: u16) -> Duration {
    let (path, headers) = (format!("/api/v1{path}"), asker.headers());
    let began = Instant::now();
    let mut opened = app.client.send(Method::GET, &path, &headers, "").await;
    assert_eq!(opened.0.status(), status, "{path}");
    opened.next().await;
    began.elapsed()
}
