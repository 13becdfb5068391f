//! Traces: what collectors and providers get of them, and that no call depends on it.

use http::Method;
use tollgate::traces::otlp::{CLIENT, SERVER, Span};

use crate::provider::{EventStream, Provider, Usage, sse};
use crate::support::app::{TestApp, TestKey};
use crate::support::client::{CHAT, Reply, chat_body};
use crate::support::collector::{Collector, attribute};
use crate::support::db::TestDb;
use crate::support::log::Log;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn traced(collector: &Collector) -> TestApp {
    let (database, provider) = (TestDb::sqlite().await, Provider::honest().await);
    TestApp::with(database, provider, &collector.config()).await
}

/// A call with headers of its own.
async fn call(app: &TestApp, key: &TestKey, body: &str, headers: &[(&str, &str)]) -> Reply {
    let bearer = format!("Bearer {}", key.secret);
    let own = [("authorization", bearer.as_str())];
    let headers = [&own, headers].concat();
    let opened = app.client.send(Method::POST, CHAT, &headers, body).await;
    opened.read().await
}

/// The request's span and the one below it.
#[track_caller]
fn pair(spans: &[Span]) -> (Span, Span) {
    let [one, other] = spans else {
        panic!("two spans, not {spans:#?}");
    };
    assert_eq!((one.kind, other.kind), (SERVER, CLIENT));
    assert_eq!(other.parent_span_id, one.span_id);
    assert_eq!(other.trace_id, one.trace_id);
    assert!(one.start_time_unix_nano <= other.start_time_unix_nano);
    assert!(other.start_time_unix_nano <= other.end_time_unix_nano);
    assert_eq!(one.end_time_unix_nano, other.end_time_unix_nano);
    (one.clone(), other.clone())
}

fn hex(id: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in id {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

#[track_caller]
fn assert_attributes(span: &Span, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        let found = attribute(span, key);
        assert_eq!(found.as_deref(), Some(*value), "{key} of {span:#?}");
    }
}

#[tokio::test]
async fn a_call_is_a_span_of_its_callers_trace_and_its_provider_one_below_it() {
    let (log, _logging) = Log::start();
    let collector = Collector::start().await;
    let app = traced(&collector).await;
    let key = app.key().await;
    let headers = [("traceparent", PARENT), ("tracestate", "a=1,b=2")];
    let answer = call(&app, &key, &chat_body(""), &headers).await;
    assert_eq!(answer.status, 200);

    let (request, asked) = pair(&collector.received(2).await);
    assert_eq!(hex(&request.trace_id), TRACE);
    assert_eq!(hex(&request.parent_span_id), "b7ad6b7169203331");
    assert_eq!(request.name, format!("POST {CHAT}"));
    assert_eq!(request.status, None);
    let booked = app.booked(1).await;
    let (input, output) = (
        booked[0].input_tokens.to_string(),
        booked[0].output_tokens.to_string(),
    );
    assert_attributes(
        &request,
        &[
            ("http.request.method", "POST"),
            ("http.route", CHAT),
            ("http.response.status_code", "200"),
            ("tollgate.call.id", answer.header("x-request-id").unwrap()),
            ("tollgate.key.id", &key.id.to_string()),
            ("tollgate.organisation.id", &app.organisation.id.to_string()),
            ("tollgate.outcome", "Complete"),
        ],
    );
    assert_eq!(asked.name, "chat m");
    assert_attributes(
        &asked,
        &[
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "mock"),
            ("gen_ai.request.model", "m"),
            ("gen_ai.usage.input_tokens", &input),
            ("gen_ai.usage.output_tokens", &output),
            ("tollgate.tokens.source", "Reported"),
        ],
    );
    assert_eq!(attribute(&asked, "gen_ai.request.stream"), None);

    let sent = app.last_sent();
    let parent = format!("00-{TRACE}-{}-01", hex(&asked.span_id));
    assert_eq!(sent.header("traceparent"), Some(parent.as_str()));
    assert_eq!(sent.header("tracestate"), Some("a=1,b=2"));
    let log = log.text();
    let line = log
        .lines()
        .find(|line| line.contains("tollgate::access"))
        .unwrap();
    for id in [TRACE, &hex(&request.span_id)] {
        assert!(line.contains(id), "{id} in {line}");
    }
}

#[tokio::test]
async fn a_trace_that_begins_here_has_the_calls_id() {
    let collector = Collector::start().await;
    let app = traced(&collector).await;
    let key = app.key().await;
    let headers = [("traceparent", "no-trace"), ("tracestate", "a=1")];
    let answer = call(&app, &key, &chat_body(""), &headers).await;
    let (request, asked) = pair(&collector.received(2).await);
    let id = answer.header("x-request-id").unwrap().replace('-', "");
    assert_eq!(hex(&request.trace_id), id);
    assert_eq!(request.parent_span_id, b"");
    let sent = app.last_sent();
    let parent = format!("00-{id}-{}-01", hex(&asked.span_id));
    assert_eq!(sent.header("traceparent"), Some(parent.as_str()));
    assert_eq!(sent.header("tracestate"), None, "it belongs to no trace");
}

#[tokio::test]
async fn what_is_not_traced_passes_the_context_on_as_it_came() {
    let collector = Collector::start().await;
    let ended = PARENT.replace("-01", "-00");
    let rare = format!("{}\nratio = 0", collector.config());
    // Off, not chosen by the caller, and not drawn.
    for (extra, parent) in [
        ("", Some(PARENT)),
        (collector.config().as_str(), Some(&ended)),
        (&rare, None),
    ] {
        let (log, _logging) = Log::start();
        let (database, provider) = (TestDb::sqlite().await, Provider::honest().await);
        let mut app = TestApp::with(database, provider, extra).await;
        let key = app.key().await;
        let parents = parent
            .into_iter()
            .flat_map(|parent| [("traceparent", parent), ("tracestate", "a=1")]);
        let parents: Vec<_> = parents.collect();
        assert_eq!(call(&app, &key, &chat_body(""), &parents).await.status, 200);
        let sent = app.last_sent();
        assert_eq!(sent.header("traceparent"), parent);
        assert_eq!(sent.header("tracestate"), parent.map(|_| "a=1"));
        app.stop().await;
        assert!(!log.text().contains("trace_id"));
    }
    assert_eq!(collector.requests(), []);
}

#[tokio::test]
async fn streams_failures_and_refusals_are_told_apart() {
    let collector = Collector::start().await;
    let mut app = traced(&collector).await;
    let key = app.key().await;
    let stream = chat_body(r#","stream":true"#);
    app.provider.direct(|_| {
        let usage = sse::usage(Usage::new(5, 6));
        let frames = [sse::chunk("x"), sse::finish("stop"), usage, sse::done()];
        EventStream::of(frames).finish()
    });
    assert_eq!(call(&app, &key, &stream, &[]).await.status, 200);
    app.provider
        .direct(|_| EventStream::of([sse::chunk("x")]).eof());
    assert_eq!(call(&app, &key, &stream, &[]).await.status, 200);
    app.client
        .chat("sk-nobody")
        .await
        .assert_refused(401, "invalid_api_key");
    app.stop().await;

    let spans = collector.spans();
    let (_, whole) = pair(&spans[..2]);
    assert_attributes(
        &whole,
        &[
            ("gen_ai.request.stream", "true"),
            ("gen_ai.usage.output_tokens", "6"),
        ],
    );
    let first: f64 = attribute(&whole, "gen_ai.response.time_to_first_chunk")
        .unwrap()
        .parse()
        .unwrap();
    assert!((0.0..10.0).contains(&first));
    assert_eq!(whole.status, None);

    let (request, cut) = pair(&spans[2..4]);
    for span in [&request, &cut] {
        assert_eq!(
            span.status.as_ref().map(|status| status.code),
            Some(2),
            "{span:#?}"
        );
        assert!(
            attribute(span, "error.type")
                .unwrap()
                .starts_with("upstream_")
        );
    }
    assert_attributes(&cut, &[("tollgate.tokens.source", "Estimated")]);
    assert_eq!(
        attribute(&cut, "gen_ai.usage.output_tokens"),
        None,
        "nobody reported it"
    );

    let [refused] = &spans[4..] else {
        panic!("a refused call has one span: {spans:#?}");
    };
    assert_attributes(
        refused,
        &[
            ("http.response.status_code", "401"),
            ("tollgate.error.code", "invalid_api_key"),
        ],
    );
    assert_eq!(
        refused.status, None,
        "the caller's mistake is no failure of the server"
    );
    assert_eq!(attribute(refused, "tollgate.key.id"), None);
}

#[tokio::test]
async fn what_waits_is_sent_at_the_end() {
    let collector = Collector::start().await;
    let mut app = traced(&collector).await;
    let key = app.key().await;
    for _ in 0..20 {
        assert_eq!(app.client.chat(&key.secret).await.status, 200);
    }
    app.stop().await;
    assert_eq!(collector.spans().len(), 40);
    assert_eq!(counted(&app), (40, 0));
    let requests = collector.requests();
    let resource = requests[0].resource_spans[0].resource.as_ref().unwrap();
    assert!(format!("{resource:?}").contains("tollgate"));
}

#[tokio::test]
async fn a_collector_that_is_away_costs_no_call_and_what_it_missed_is_counted() {
    // Nobody listens there any more.
    let gone = Collector::start().await.config();
    let (database, provider) = (TestDb::sqlite().await, Provider::honest().await);
    let mut app = TestApp::with(database, provider, &gone).await;
    let key = app.key().await;
    for _ in 0..20 {
        assert_eq!(app.client.chat(&key.secret).await.status, 200);
    }
    app.stop().await;
    assert_eq!(counted(&app), (0, 40));
}

#[tokio::test]
async fn a_busy_collector_is_asked_again_and_one_that_refuses_is_not() {
    let collector = Collector::start().await;
    let mut app = traced(&collector).await;
    let key = app.key().await;
    collector.answer(&[503]);
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    assert_eq!(collector.received(2).await.len(), 2);
    collector.answer(&[400]);
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    app.until("the refused spans are dropped", async || {
        (counted(&app).1 == 2).then_some(())
    })
    .await;
    collector.reject(1);
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    app.stop().await;
    assert_eq!(counted(&app), (3, 3));
}

/// Spans that were taken and spans that were dropped.
fn counted(app: &TestApp) -> (u64, u64) {
    let text = app.metrics.text();
    let count = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.trim().parse().unwrap()
    };
    (
        count("tollgate_spans_sent_total"),
        count("tollgate_spans_dropped_total"),
    )
}
