//! Usage: summed as asked, compared, and nobody's but one's own for members.

use std::time::Duration;

use serde_json::json;
use tollgate::domain::role::Role;
use tollgate::store::events::Event;

use crate::provider::Provider;
use crate::store::{at, event};
use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    usage_is_summed_and_compared_with_the_span_before,
    members_see_what_their_own_keys_used,
);

/// The fields that an answer finds fault with.
#[track_caller]
fn faulty(reply: &Reply) -> Vec<String> {
    let problem = reply.assert_problem(400, "invalid");
    let errors = problem["errors"].as_array().unwrap().iter();
    let fields = errors.map(|error| error["field"].as_str().unwrap().to_owned());
    fields.collect()
}

async fn usage_is_summed_and_compared_with_the_span_before(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let viewer = app.person(Role::Viewer).await;
    let (key, _) = app.key_of(app.organisation.id, None).await;
    let call = |time: &str, model: &str, status| Event {
        at: at(time),
        model: model.to_owned().into(),
        status,
        ..event(&key)
    };
    app.book(&[
        call("2026-11-15T23:59:59Z", "a", 200),
        call("2026-11-16T00:00:00Z", "a", 200),
        call("2026-11-17T05:00:00Z", "a", 500),
        call("2026-11-17T06:00:00Z", "b", 200),
        call("2026-11-18T00:00:00Z", "b", 200),
    ])
    .await;
    let path = format!("/orgs/{}/usage", app.organisation.id);
    let span = "from=2026-11-16T00:30:00Z&to=2026-11-18T00:00:00Z";
    let report = app.look(&viewer, &format!("{path}?{span}")).await;
    let report = report.assert_json(200);
    assert_eq!(report["from"], "2026-11-16T00:00:00Z", "the whole hour");
    let days: Vec<_> = report["data"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&days[0]["day"], &days[0]["requests"]),
        (&json!("2026-11-16"), &json!(1))
    );
    assert_eq!(
        (&days[1]["day"], &days[1]["errors"]),
        (&json!("2026-11-17"), &json!(1))
    );
    assert!(days[0].get("model").is_none());
    assert_eq!(report["totals"]["requests"], 3);
    assert_eq!(report["totals"]["total_tokens"], 90);
    assert_eq!(report["totals"]["cost_usd"], "0.0000045");
    assert_eq!(report["previous"]["requests"], 1);

    let by = app
        .look(&viewer, &format!("{path}?{span}&by=model,key"))
        .await;
    let by = by.assert_json(200);
    assert_eq!(
        (&by["data"][1]["model"], &by["data"][1]["key_name"]),
        (&json!("b"), &json!("made"))
    );
    let of_key = format!(
        "/orgs/{}/keys/{}/usage?{span}&by=hour",
        app.organisation.id, key.id
    );
    let of_key = app.look(&viewer, &of_key).await.assert_json(200);
    assert_eq!(of_key["data"][2]["hour"], "2026-11-17T06:00:00Z");
    assert_eq!(of_key["totals"], report["totals"]);
}

async fn members_see_what_their_own_keys_used(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let (member, admin) = (
        app.person(Role::Member).await,
        app.person(Role::Admin).await,
    );
    let org = app.organisation.id;
    let (own, _) = app.key_of(org, Some(&member)).await;
    let (other, _) = app.key_of(org, Some(&admin)).await;
    app.book(&[event(&own), event(&other), event(&other)]).await;
    let span = "from=2026-11-18T00:00:00Z&to=2026-11-19T00:00:00Z";
    for (who, count) in [(&member, 1), (&admin, 3)] {
        let report = app.look(who, &format!("/orgs/{org}/usage?{span}")).await;
        assert_eq!(report.assert_json(200)["totals"]["requests"], count);
        let calls = app.look(who, &format!("/orgs/{org}/calls?{span}")).await;
        let calls = calls.assert_json(200);
        assert_eq!(calls["data"].as_array().unwrap().len(), count);
        let csv = app
            .look(who, &format!("/orgs/{org}/calls.csv?{span}"))
            .await;
        assert_eq!(csv.text().lines().count(), count + 1);
        let csv = app
            .look(who, &format!("/orgs/{org}/usage.csv?{span}&by=key"))
            .await;
        assert_eq!(csv.text().contains(&other.id.to_string()), count == 3);
    }
    let path = |key| format!("/orgs/{org}/keys/{key}/usage?{span}");
    app.look(&member, &path(own.id)).await.assert_json(200);
    let hidden = app.look(&member, &path(other.id)).await;
    hidden.assert_problem(404, "not_found");
    let none = app
        .look(&member, &format!("/orgs/{org}/calls?key={}", other.id))
        .await;
    assert_eq!(none.assert_json(200)["data"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_summed_is_named() {
    let app = TestApp::start().await;
    let viewer = app.person(Role::Viewer).await;
    let path = format!("/orgs/{}/usage", app.organisation.id);
    for (query, fields) in [
        ("by=week", vec!["by"]),
        ("by=day,day", vec!["by"]),
        ("by=day,key,model", vec!["by"]),
        (
            "from=2026-11-18T00:00:00Z&to=2026-11-18T00:00:00Z",
            vec!["from"],
        ),
        (
            "from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
            vec!["from"],
        ),
        (
            "from=yesterday&too=2026-11-18T00:00:00Z",
            vec!["from", "too"],
        ),
    ] {
        for path in [path.clone(), format!("{path}.csv")] {
            let reply = app.look(&viewer, &format!("{path}?{query}")).await;
            assert_eq!(faulty(&reply), fields, "{query}");
        }
    }
}

#[tokio::test]
async fn a_csv_has_all_days_and_runs_no_formula() {
    let app = TestApp::start().await;
    let viewer = app.person(Role::Viewer).await;
    let (key, _) = app.key_of(app.organisation.id, None).await;
    let begin = at("2026-11-10T12:00:00Z");
    let calls = (0..5).map(|day| Event {
        at: begin.plus(Duration::from_hours(24 * day)),
        model: "=cmd|' /C calc'!A0".into(),
        ..event(&key)
    });
    app.book(&calls.collect::<Vec<_>>()).await;
    let query = "from=2026-11-10T00:00:00Z&to=2026-11-15T00:00:00Z&by=day,model";
    let path = format!("/orgs/{}/usage.csv?{query}", app.organisation.id);
    let reply = app.look(&viewer, &path).await;
    assert_eq!(
        reply.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    let disposition = reply.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"usage.csv\""));
    let text = reply.text();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("day,model,requests,"));
    assert_eq!(lines.len(), 6);
    assert!(lines[1].starts_with("2026-11-10,'=cmd|' /C calc'!A0,1,"));
    assert!(lines[5].starts_with("2026-11-14,"));
}
