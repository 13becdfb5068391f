//! Secrets and content are planted in everything that goes into the real binary, and searched in
//! everything that comes out of it: log, metrics, traces, pages, answers of the API, files.

mod outputs;
mod site;

use http::Method;
use serde_json::{Value, json};

use super::Installation;
use crate::provider::{Answer, EventStream, Provider, Script, Seen, Usage, sse};
use crate::support::app::CREDENTIAL;
use crate::support::client::{CHAT, Client};
use crate::support::collector::Collector;
use crate::support::running::Running;
use outputs::{Outputs, forms};
use site::{Site, manage};

const PASSWORD: &str = "password-canary-4d1b77e0";
const WRONG: &str = "wrong-password-canary-90c1";
const PROMPT: &str = "prompt-canary-5f3a9b";
const ANSWER: &str = "answer-canary-0e8d21";
const COOKIE: &str = "cookie-canary-77aa02";
const QUERY: &str = "query-canary-3c3c3c";

/// As the model's name says.
fn scripted(seen: &Seen) -> Script {
    let body = seen.json();
    let model = body["model"].as_str().unwrap_or_default();
    match model {
        "refuses" => Answer::error(400, "invalid_request_error", "e", ANSWER).script(),
        "denies" => Answer::error(401, "invalid_request_error", "e", CREDENTIAL).script(),
        "fails" => Answer::error(500, "server_error", "e", ANSWER).script(),
        "breaks" => EventStream::of([sse::chunk(ANSWER)]).eof(),
        "resets" => Script::reset(),
        _ if seen.wants_stream() => {
            let usage = sse::usage(Usage::new(5, 6));
            EventStream::of([sse::chunk(ANSWER), sse::finish("stop"), usage, sse::done()]).finish()
        }
        _ => Answer::json(
            200,
            &json!({"object": "chat.completion", "model": model, "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11},
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}]}),
        )
        .reports(Usage::new(5, 6))
        .script(),
    }
}

/// Calls of every kind with `secret`, in every way in which they end.
async fn call(client: &Client, outputs: &mut Outputs, secret: &str) {
    let bearer = format!("Bearer {secret}");
    let cookie = format!("session={COOKIE}");
    let path = format!("{CHAT}?api_key={QUERY}");
    let models = ["m", "refuses", "denies", "fails", "breaks", "resets", "m"];
    for (model, stream) in models
        .iter()
        .flat_map(|model| [(model, false), (model, true)])
    {
        let body = json!({"model": model, "stream": stream, "user": PROMPT,
            "messages": [{"role": "user", "content": PROMPT}]});
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("cookie", &cookie),
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
            ("x-openwebui-user-email", PROMPT),
        ];
        let opened = client
            .send(Method::POST, &path, &headers, &body.to_string())
            .await;
        let (mut opened, mut said) = (opened, Vec::new());
        let (text, _) = opened.read_on().await;
        said.extend(text.as_bytes());
        // What the provider says is the caller's, but not the provider's credential.
        outputs.add(
            format!("answer of {model}"),
            String::from_utf8(said).unwrap().replace(ANSWER, ""),
        );
    }
    let bodies = [
        format!("{{\"model\": \"{PROMPT}"),
        format!(r#"{{"model":"m","model":"{PROMPT}","messages":[]}}"#),
        format!(r#"{{"model":"{PROMPT}","messages":3,"max_tokens":"{PROMPT}"}}"#),
        format!(r#"{{"messages":[{{"content":"{PROMPT}"}}]}}"#),
    ];
    for body in bodies {
        let answer = client.post(CHAT, secret, &body).await;
        outputs.reply("answer to a bad body", &answer);
    }
    for wrong in [format!("{}x", &secret[..34]), secret.to_lowercase()] {
        let answer = client.post(CHAT, &wrong, "{}").await;
        outputs.reply("answer to a wrong key", &answer);
    }
    let path = format!("/v1/models/{secret}");
    // Whoever asks for a model is told its name, and nobody else is.
    client.get(&path, secret).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_planted_comes_out_anywhere() {
    let tollgate = Installation::new();
    let (collector, provider) = (Collector::start().await, Provider::start(scripted).await);
    let secret = tollgate.secret();
    let document: Value = serde_json::from_str(&tollgate.text(&["openapi"])).unwrap();
    let line = [
        "--email",
        "ann@example.com",
        "--org",
        "Acme",
        "--role",
        "owner",
        "--operator",
    ];
    let created = super::users::with_password(&tollgate, format!("{PASSWORD}\n").as_bytes(), &line);
    assert!(created.status.success(), "{created:?}");
    let (mut running, client, metrics) = serve(&tollgate, &provider, &collector);

    let mut outputs = Outputs::default();
    outputs.add("user create", created.stdout);
    call(&client, &mut outputs, &secret).await;
    let mut site = Site {
        client,
        cookie: String::new(),
        outputs,
    };
    let (org, key, further) = manage(&mut site).await;
    call(&site.client, &mut site.outputs, &further[0]).await;
    assert!(site.crawl().await > 20, "a dashboard has pages");
    site.ask_all(&document, &org, &key).await;
    let text = metrics.get("/metrics", "").await;
    site.outputs.reply("metrics", &text);

    let cookie = site.cookie.split_once('=').unwrap().1.to_owned();
    let Site { mut outputs, .. } = site;
    running.signal("TERM");
    let (status, errors) = running.ended();
    assert!(status.success(), "{errors}");
    outputs.add("errors", errors);
    let log = running.said();
    outputs.add("log", log.clone());
    outputs.add("traces", collector.raw());
    for command in [
        ["usage", "--org", "Acme"],
        ["calls", "--org", "Acme"],
        ["key", "list", "--org"],
    ] {
        let command: Vec<&str> = command
            .into_iter()
            .chain(["Acme"].into_iter().filter(|_| command[0] == "key"))
            .collect();
        outputs.add(command.join(" "), tollgate.text(&command));
    }
    outputs.add(
        "config show",
        tollgate.text(&["config", "show", "--config", "tollgate.toml"]),
    );
    outputs.files(&tollgate.directory.path().join("data"));
    assert_searched(&outputs, &log, &collector);

    let planted = [
        secret.as_str(),
        CREDENTIAL,
        PASSWORD,
        WRONG,
        PROMPT,
        ANSWER,
        COOKIE,
        QUERY,
        &cookie,
    ];
    for planted in planted
        .into_iter()
        .chain(further.iter().map(String::as_str))
    {
        assert_eq!(outputs.holding(planted), Vec::<&str>::new(), "{planted}");
    }
}

/// The binary with everything on.
fn serve(
    tollgate: &Installation,
    provider: &Provider,
    collector: &Collector,
) -> (Running, Client, Client) {
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\"\n{}\n[[providers]]\n\
         name = \"mock\"\nbase_url = \"{}\"\napi_key = {{ env = \"MOCK_KEY\" }}\nmodels = [\"*\"]\n",
        collector.config(),
        provider.base_url()
    );
    std::fs::write(tollgate.directory.path().join("tollgate.toml"), config).unwrap();
    let mut server = tollgate.server();
    server.env("MOCK_KEY", CREDENTIAL).env("RUST_LOG", "trace");
    let running = Running::start(&mut server);
    let [gateway, metrics] = ["\"listening\"", "metrics are read here"].map(|words| {
        let line: Value = serde_json::from_str(&running.says(words)).unwrap();
        Client::new(line["address"].as_str().unwrap().parse().unwrap())
    });
    (running, gateway, metrics)
}

/// What is searched is there and can be found.
#[track_caller]
fn assert_searched(outputs: &Outputs, log: &str, collector: &Collector) {
    assert!(!collector.spans().is_empty());
    assert!(
        log.lines()
            .filter(|line| line.contains("tollgate::access"))
            .count()
            > 30
    );
    assert!(log.contains(r#""level":"TRACE""#), "all levels are on");
    for (known, place) in [
        ("ann@example.com", "/account"),
        ("gen_ai.request.model", "traces"),
        ("tollgate_calls_total", "metrics"),
        ("Acme", "key list --org Acme"),
    ] {
        let found = outputs.holding(known);
        assert!(
            found.contains(&place) || place.starts_with("key"),
            "{known} is in {found:?}"
        );
    }
    let files = outputs.holding("ann@example.com");
    assert!(
        files.iter().any(|place| place.contains("tollgate.db")),
        "{files:?}"
    );
    let mut coded = Outputs::default();
    for form in forms(PASSWORD) {
        coded.add("coded", format!("before {form} after"));
    }
    assert_eq!(coded.holding(PASSWORD).len(), 5);
}
