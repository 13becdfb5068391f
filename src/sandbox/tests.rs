use std::net::SocketAddr;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::*;

async fn call(method: &str, path: &str, body: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn post(path: &str, body: &Value) -> (StatusCode, Value) {
    let (status, text) = call("POST", path, &body.to_string()).await;
    (status, text.parse().unwrap())
}

fn chat(extra: &Value) -> Value {
    let mut body = json!({"model": "sandbox-fast", "max_tokens": 5,
        "messages": [{"role": "user", "content": "hello"}]});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// The JSON of every event, `[DONE]` checked and left out.
fn events(stream: &str) -> Vec<Value> {
    let lines = stream
        .split_terminator("\n\n")
        .map(|e| e.strip_prefix("data: ").unwrap());
    let mut lines: Vec<&str> = lines.collect();
    assert_eq!(lines.pop(), Some("[DONE]"));
    lines.iter().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_chat_answer_adds_up() {
    let (status, answer) = post("/v1/chat/completions", &chat(&json!({"n": 2}))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "sandbox-fast");
    assert_eq!(answer["choices"].as_array().unwrap().len(), 2);
    assert_eq!(answer["choices"][1]["finish_reason"], "length");
    let usage = &answer["usage"];
    assert_eq!(usage["prompt_tokens"], 2 + 4);
    assert_eq!(usage["completion_tokens"], 10);
    assert_eq!(usage["total_tokens"], 16);
}

#[tokio::test]
async fn the_stream_says_what_the_json_answer_says() {
    let (_, whole) = post("/v1/chat/completions", &chat(&json!({"max_tokens": 20}))).await;
    let streamed = chat(&json!({"max_tokens": 20, "stream": true,
        "stream_options": {"include_usage": true}}));
    let (_, stream) = call("POST", "/v1/chat/completions", &streamed.to_string()).await;
    let events = events(&stream);
    let delta = |e: &Value| {
        e["choices"][0]["delta"]["content"]
            .as_str()
            .map(str::to_owned)
    };
    let text: String = events.iter().filter_map(delta).collect();
    assert_eq!(whole["choices"][0]["message"]["content"], text.as_str());
    assert_eq!(events.last().unwrap()["usage"], whole["usage"]);
}

#[tokio::test]
async fn a_tool_call_comes_whole_and_in_pieces() {
    let parameters = json!({"type": "object", "required": ["city"],
        "properties": {"city": {"type": "string"}}});
    let tools = json!([{"type": "function",
        "function": {"name": "weather", "parameters": parameters}}]);
    let body = chat(&json!({"max_tokens": null, "tools": tools}));
    let (_, whole) = post("/v1/chat/completions", &body).await;
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let function = &choice["message"]["tool_calls"][0]["function"];
    assert_eq!(function["name"], "weather");
    assert_eq!(function["arguments"], r#"{"city":"example"}"#);

    let mut streaming = body;
    streaming["stream"] = true.into();
    let (_, stream) = call("POST", "/v1/chat/completions", &streaming.to_string()).await;
    let events = events(&stream);
    let part = |e: &Value, key: &str| {
        let function = &e["choices"][0]["delta"]["tool_calls"][0]["function"];
        function[key].as_str().map(str::to_owned)
    };
    let arguments: String = events.iter().filter_map(|e| part(e, "arguments")).collect();
    assert_eq!(arguments, r#"{"city":"example"}"#);
    assert_eq!(part(&events[0], "name").as_deref(), Some("weather"));
}

#[tokio::test]
async fn a_json_schema_is_obeyed() {
    let schema = json!({"type": "object", "required": ["ok"],
        "properties": {"ok": {"type": "boolean"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let body = chat(&json!({"max_tokens": null, "response_format": format}));
    let (_, answer) = post("/v1/chat/completions", &body).await;
    assert_eq!(answer["choices"][0]["message"]["content"], r#"{"ok":true}"#);
}

#[tokio::test]
async fn plain_completions_answer_each_text() {
    let body = json!({"model": "sandbox-fast", "prompt": ["one", "two"], "max_tokens": 3});
    let (_, answer) = post("/v1/completions", &body).await;
    assert_eq!(answer["object"], "text_completion");
    assert_eq!(answer["choices"].as_array().unwrap().len(), 2);
    assert_eq!(answer["usage"]["prompt_tokens"], 2);
    assert_eq!(answer["usage"]["completion_tokens"], 6);

    let mut streaming = body;
    streaming["stream"] = true.into();
    let (_, stream) = call("POST", "/v1/completions", &streaming.to_string()).await;
    let texts = events(&stream);
    let spoken = texts
        .iter()
        .filter(|e| e["choices"][0]["text"] != "")
        .count();
    assert_eq!(spoken, 6);
}

#[tokio::test]
async fn embeddings_come_in_the_size_asked_for() {
    let body = json!({"model": "sandbox-fast", "input": ["abcd", "efghi"], "dimensions": 8});
    let (_, answer) = post("/v1/embeddings", &body).await;
    assert_eq!(answer["data"][1]["index"], 1);
    assert_eq!(answer["data"][1]["embedding"].as_array().unwrap().len(), 8);
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 3, "total_tokens": 3})
    );
}

#[tokio::test]
async fn both_models_are_listed() {
    let (_, list) = call("GET", "/v1/models", "").await;
    let list: Value = list.parse().unwrap();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|m| m["id"].as_str())
        .collect();
    assert_eq!(ids, MODELS);
    assert_eq!(
        call("GET", "/v1/models/sandbox-slow", "").await.0,
        StatusCode::OK
    );
    assert_eq!(
        call("GET", "/v1/models/gpt", "").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn refusals_have_the_shape_clients_know() {
    let chat_url = "/v1/chat/completions";
    let cases = [
        ("POST", chat_url, "{", 400, Value::Null),
        ("POST", chat_url, r#"{"messages":[]}"#, 400, Value::Null),
        (
            "POST",
            chat_url,
            r#"{"model":"sandbox-fast"}"#,
            400,
            Value::Null,
        ),
        (
            "POST",
            chat_url,
            r#"{"model":"gpt","messages":[]}"#,
            404,
            json!("model_not_found"),
        ),
        (
            "POST",
            "/v1/embeddings",
            r#"{"model":"sandbox-fast","input":""}"#,
            400,
            Value::Null,
        ),
        ("GET", chat_url, "", 405, Value::Null),
        ("GET", "/v2", "", 404, json!("unknown_url")),
    ];
    for (method, path, body, status, code) in cases {
        let (got, text) = call(method, path, body).await;
        assert_eq!(got.as_u16(), status, "{method} {path} {body}");
        let error = &text.parse::<Value>().unwrap()["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["code"], code, "{method} {path} {body}");
        assert!(error["message"].is_string() && error.get("param").is_some());
    }
}

#[tokio::test]
async fn a_stop_lets_the_answer_in_flight_finish() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = serve(listener, stop.clone());
    let client = stop_after_the_first_byte(address, &stop);
    let ((), answer) = tokio::join!(server, client);
    assert!(answer.contains("data: [DONE]"));
}

async fn stop_after_the_first_byte(address: SocketAddr, stop: &CancellationToken) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = chat(&json!({"stream": true})).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = vec![0; 1];
    socket.read_exact(&mut answer).await.unwrap();
    stop.cancel();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}
