use super::super::Metrics;
use super::*;
use crate::domain::usage::{Ending, Held, Usage};

fn observe(metrics: &Metrics, model: &str, usage: Usage) {
    let held = Held {
        tokens: 1000,
        ..Held::default()
    };
    let ending = Ending::Ran {
        usage: Some(usage),
        delivered: 0,
    };
    metrics.calls.observe(&Observation {
        route: "/v1/chat/completions",
        status: Some(200),
        code: None,
        served: Some(("openai", model)),
        charge: Some(&Charge::of(ending, held)),
        first_byte: Some(Duration::from_millis(3)),
        duration: Duration::from_millis(9),
    });
}

const USAGE: Usage = Usage {
    input: 10,
    output: 5,
    total: 15,
    cached_input: 4,
    cache_write: 0,
    reasoning: 0,
};

#[test]
fn a_call_is_counted_with_its_tokens() {
    let metrics = Metrics::new();
    observe(&metrics, "gpt-4o", USAGE);
    let text = metrics.text();
    for line in [
        r#"tollgate_calls_total{route="/v1/chat/completions",status="200"} 1"#,
        r#"tollgate_tokens_total{provider="openai",model="gpt-4o",kind="input"} 10"#,
        r#"tollgate_tokens_total{provider="openai",model="gpt-4o",kind="output"} 5"#,
        r#"tollgate_tokens_total{provider="openai",model="gpt-4o",kind="cached"} 4"#,
        r#"tollgate_time_to_first_byte_seconds_count{provider="openai",model="gpt-4o"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn refusals_that_alerts_are_about_are_counted_from_nought() {
    let alerts = include_str!("../../../config/prometheus/alerts.yaml");
    let text = Metrics::new().text();
    let named = alerts.split("tollgate_refusals_total").skip(1);
    let labels: Vec<&str> = named.filter_map(|rest| rest.split('[').next()).collect();
    assert!(labels.len() > 1);
    for labels in labels {
        let line = format!("tollgate_refusals_total{labels} 0\n");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[test]
fn models_beyond_the_cap_are_counted_together() {
    let metrics = Metrics::new();
    for number in 0..MOST_MODELS + 50 {
        observe(&metrics, &format!("model-{number}"), USAGE);
    }
    let text = metrics.text();
    let inputs = text.lines().filter(|line| line.contains(r#"kind="input""#));
    assert_eq!(inputs.count(), MOST_MODELS + 1);
    let other = r#"tollgate_tokens_total{provider="openai",model="other",kind="input"} 500"#;
    assert!(text.contains(other), "{text}");
}
