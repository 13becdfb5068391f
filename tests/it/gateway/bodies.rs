//! What a body may be, and that what was checked is what is sent.

use http::Method;

use crate::provider::Provider;
use crate::support::app::{KeySpec, TestApp};
use crate::support::client::{CHAT, Reply, chat_body};
use crate::support::db::TestDb;

async fn chat(app: &TestApp, body: &str) -> Reply {
    let key = app.key().await;
    app.client.post(CHAT, &key.secret, body).await
}

#[tokio::test]
async fn a_model_named_twice_is_refused_and_nothing_is_sent() {
    let app = TestApp::start().await;
    let models = Some(vec!["allowed".to_owned()]);
    let key = app
        .key_with(KeySpec {
            models,
            ..KeySpec::default()
        })
        .await;
    let bodies = [
        r#"{"model":"allowed","model":"forbidden","messages":[]}"#,
        r#"{"model":"forbidden","model":"allowed","messages":[]}"#,
        r#"{"model":"allowed","mod\u0065l":"forbidden","messages":[]}"#,
        r#"{"mod\u0065l":"forbidden","model":"allowed","messages":[]}"#,
        r#"{"model":"allowed","stream_options":{"include_usage":true,"include_us\u0061ge":false}}"#,
        r#"{"model":"allowed","stream_options":{"include_us\u0061ge":false,"include_usage":true}}"#,
        r#"{"model":"allowed","stream":true,"stream":false}"#,
        r#"{"model":"allowed","x":1,"x":1}"#,
        r#"{"model":"allowed","MODEL":"forbidden"}"#,
        r#"{"Mod\u0065l":"forbidden","model":"allowed"}"#,
        r#"{"model":"allowed","max_tokens":1,"max_tokens":100000}"#,
    ];
    for body in bodies {
        let answer = app.client.post(CHAT, &key.secret, body).await;
        answer.assert_refused(400, "duplicate_field");
        assert!(answer.json()["error"]["param"].is_string());
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn what_the_gateway_goes_by_is_spelled_as_it_reads_it() {
    let app = TestApp::start().await;
    for (field, param) in [
        (r#""Max_Tokens":9"#, "max_tokens"),
        (r#""N":9"#, "n"),
        (r#""STREAM":true"#, "stream"),
        (r#""stream_option\u017f":{}"#, "stream_options"),
        (
            r#""stream_options":{"Include_Usage":false}"#,
            "include_usage",
        ),
    ] {
        let answer = chat(&app, &chat_body(&format!(",{field}"))).await;
        answer.assert_refused(400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], param);
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_without_being_echoed() {
    let app = TestApp::start().await;
    let bodies = [
        "",
        "canary",
        r#"{"model":"canary""#,
        r#"{"model":"canary"}{"#,
        r#"["canary"]"#,
        r#"{"model":"canary","x":NaN}"#,
        r#"{"model":"canary","x":"\ud800"}"#,
        r#"{"model":"canary","x":"\ude00\ud83d"}"#,
        r#"{"model":"canary","x":01}"#,
        r#"{"model":"canary","x":"a"#,
        r#"{"model":"canary",}"#,
        r#"{"model":"canary"} canary"#,
        "\u{feff}{\"model\":\"canary\"}",
        "{\0\"\0m\0",
    ];
    for body in bodies {
        let answer = chat(&app, body).await;
        answer.assert_refused(400, "invalid_json");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let json = r#"{"model":"canary"}"#;
    let bodies: [Vec<u8>; 4] = [
        utf16(json),
        utf16(&format!("\u{feff}{json}")),
        b"{\"model\":\"canary\",\"x\":\"\xff\xfe\"}".to_vec(),
        b"{\"model\":\"canary\",\"x\":\"\xc3".to_vec(),
    ];
    let bearer = format!("Bearer {}", app.key().await.secret);
    let headers = [("authorization", bearer.as_str())];
    for body in bodies {
        let send = app
            .client
            .send_bytes(Method::POST, CHAT, &headers, body.into());
        let answer = send.await.read().await;
        answer.assert_refused(400, "invalid_json");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn numbers_that_could_wrap_are_refused_by_name() {
    let app = TestApp::start().await;
    for value in [
        "-1",
        "0",
        "2147483648",
        "9223372036854775808",
        "18446744073686646784",
        "1e3",
        "1.0",
        "1e400",
        "\"5\"",
        "true",
        "[1]",
    ] {
        for field in ["max_tokens", "max_completion_tokens", "n", "best_of"] {
            let answer = chat(&app, &chat_body(&format!(",\"{field}\":{value}"))).await;
            answer.assert_refused(400, "invalid_value");
            assert_eq!(answer.json()["error"]["param"], field);
        }
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn caps_and_counts_at_their_edges_pass_and_null_is_none() {
    let app = TestApp::start().await;
    for field in [
        r#""max_tokens":1"#,
        r#""max_tokens":2147483647"#,
        r#""max_completion_tokens":1,"max_tokens":null"#,
        r#""n":128"#,
        r#""n":null,"best_of":null"#,
        r#""temperature":1e400,"seed":-123456789012345678901234567890"#,
    ] {
        let body = chat_body(&format!(",{field}"));
        let answer = chat(&app, &body).await;
        assert_eq!(answer.status, 200, "{field} {}", answer.text());
        assert_eq!(app.last_sent().body, body.as_bytes());
    }
    let refused = [
        (r#""max_completion_tokens":5,"max_tokens":5"#, "max_tokens"),
        (r#""n":129"#, "n"),
        (r#""stream":"yes""#, "stream"),
        (r#""stream":1"#, "stream"),
        (r#""stream_options":[]"#, "stream_options"),
        (r#""stream_options":{"include_usage":1}"#, "stream_options"),
    ];
    for (field, param) in refused {
        let answer = chat(&app, &chat_body(&format!(",{field}"))).await;
        answer.assert_refused(400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], param);
    }
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(257));
    for body in ["{}", r#"{"model":7}"#, r#"{"model":""}"#, &long] {
        let answer = chat(&app, body).await;
        answer.assert_refused(400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    assert_eq!(app.sent().len(), 6);
}

#[tokio::test]
async fn only_uncompressed_json_is_taken() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    let app = TestApp::start().await;
    let bearer = format!("Bearer {}", app.key().await.secret);
    let body = chat_body("");
    let send = async |headers: &[(&str, &str)]| {
        let headers = [headers, &[("authorization", bearer.as_str())]].concat();
        let send = app.client.send(Method::POST, CHAT, &headers, &body);
        send.await.read().await
    };
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "json",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ] {
        let answer = send(&[("content-type", kind)]).await;
        answer.assert_refused(415, "unsupported_media_type");
        assert_eq!(answer.header("accept"), Some("application/json"));
    }
    for coding in [
        "gzip",
        "x-gzip",
        "br",
        "deflate",
        "zstd",
        "identity, gzip",
        "compress",
    ] {
        let answer = send(&[JSON, ("content-encoding", coding)]).await;
        answer.assert_refused(415, "unsupported_media_type");
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
        let twice = [
            JSON,
            ("content-encoding", "identity"),
            ("content-encoding", coding),
        ];
        send(&twice)
            .await
            .assert_refused(415, "unsupported_media_type");
    }
    assert_eq!(app.sent().len(), 0);
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(send(&[("content-type", kind)]).await.status, 200);
    }
    assert_eq!(send(&[]).await.status, 200);
    assert_eq!(
        send(&[JSON, ("content-encoding", "identity")]).await.status,
        200
    );
}

#[tokio::test]
async fn routing_reads_the_model_and_nothing_else_and_the_bytes_pass_as_they_came() {
    let other = Provider::honest().await;
    let address = other.base_url();
    let extra = format!(
        "[[providers]]\nname = \"other\"\nprotocol = \"openai\"\nbase_url = \"{address}\"\n\
         models = [\"other\"]\n"
    );
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, &extra).await;
    let bearer = format!("Bearer {}", app.key().await.secret);
    let body = r#" { "model" : "m" , "messages":[], "api_base":"URL", "base_url":"URL",
        "models":["other"], "route":"fallback", "fallbacks":["other"], "provider":"other",
        "extra_body":{"model":"other"}, "metadata":{"model":"other"}, "api_key":"x",
        "seed":12345678901234567890123, "temperature":1.0, "é":"\u00e9" } "#;
    let body = body.replace("URL", &address);
    let path = format!("{CHAT}?model=other&api_base={address}&provider=other");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("x-model", "other"),
        ("x-provider", "other"),
        ("x-base-url", address.as_str()),
        ("x-forwarded-host", "other"),
        ("x-original-url", "/v1/embeddings"),
        ("x-http-method-override", "GET"),
    ];
    let send = app.client.send(Method::POST, &path, &headers, &body);
    let answer = send.await.read().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = app.last_sent();
    assert_eq!(sent.body, body.as_bytes());
    assert_eq!((sent.method, sent.path.as_str()), (Method::POST, CHAT));
    assert_eq!(other.calls().len(), 0);
    assert_eq!(app.booked(1).await[0].model, "m");
}

#[tokio::test]
async fn a_fallback_of_the_provider_is_checked_like_the_model() {
    let app = TestApp::start().await;
    let models = Some(vec!["m".to_owned(), "gpt-*".to_owned()]);
    let key = app
        .key_with(KeySpec {
            models,
            ..KeySpec::default()
        })
        .await;
    let call = async |fields: &str| {
        let body = chat_body(&format!(",{fields}"));
        app.client.post(CHAT, &key.secret, &body).await
    };
    for fields in [
        r#""models":["gpt-4o","forbidden"],"route":"fallback""#,
        r#""models":"forbidden""#,
        r#""fallbacks":["forbidden"]"#,
        r#""fallback\u0073":["f\u006frbidden"]"#,
    ] {
        let answer = call(fields).await;
        answer.assert_refused(404, "model_not_found");
        assert!(answer.text().contains("`forbidden`"), "{}", answer.text());
    }
    for fields in [
        r#""fallbacks":[{"m":["forbidden"]}]"#,
        r#""models":{"a":1}"#,
    ] {
        call(fields).await.assert_refused(400, "invalid_value");
    }
    assert_eq!(app.sent().len(), 0);
    assert_eq!(call(r#""models":["gpt-4o","m"]"#).await.status, 200);
}

#[tokio::test]
async fn an_alias_is_replaced_in_place() {
    let provider = Provider::honest().await;
    let extra = "[[models]]\nname = \"fast\"\nprovider = \"mock\"\nupstream = \"gpt-\\\"4\"\n";
    let app = TestApp::with(TestDb::sqlite().await, provider, extra).await;
    let key = app.key().await;
    let body = r#"{"messages":[],"model": "fa\u0073t" ,"seed":1}"#;
    let answer = app.client.post(CHAT, &key.secret, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = r#"{"messages":[],"model": "gpt-\"4" ,"seed":1}"#;
    assert_eq!(app.last_sent().body, sent.as_bytes());
    assert_eq!(app.booked(1).await[0].model, "fast");
}

#[tokio::test]
async fn a_key_for_an_alias_may_not_call_what_stands_behind_it() {
    let provider = Provider::honest().await;
    let extra = "[[models]]\nname = \"fast\"\nprovider = \"mock\"\nupstream = \"gpt-4\"\n";
    let app = TestApp::with(TestDb::sqlite().await, provider, extra).await;
    let models = Some(vec!["fast".to_owned()]);
    let key = app
        .key_with(KeySpec {
            models,
            ..KeySpec::default()
        })
        .await;
    let call = async |model: &str| {
        let body = format!(r#"{{"model":"{model}"}}"#);
        app.client.post(CHAT, &key.secret, &body).await
    };
    assert_eq!(call("fast").await.status, 200);
    assert_eq!(app.last_sent().json()["model"], "gpt-4");
    call("gpt-4").await.assert_refused(404, "model_not_found");
    assert_eq!(app.sent().len(), 1);
}

#[tokio::test]
async fn large_but_honest_bodies_pass() {
    let app = TestApp::start().await;
    let long = chat_body(&format!(r#","user":"{}""#, "x".repeat(10_000_000)));
    assert_eq!(chat(&app, &long).await.status, 200);
    let message = r#"{"content":"an image"},"#.repeat(1_000_000);
    let many = message.trim_end_matches(',');
    let many = format!(r#"{{"model":"m","messages":[{many}]}}"#);
    assert_eq!(chat(&app, &many).await.status, 200);
}

#[tokio::test]
async fn bodies_made_to_exhaust_a_parser_do_no_harm() {
    let app = TestApp::start().await;
    let deep = "[".repeat(1_000_000);
    let cut_off = format!(r#"{{"model":"m","messages":{deep}"#);
    chat(&app, &cut_off)
        .await
        .assert_refused(400, "invalid_json");
    let closed = format!("{cut_off}{}}}", "]".repeat(1_000_000));
    let status = chat(&app, &closed).await.status;
    assert!(status == 200 || status == 400, "{status}");
    let fields: String = (0..100_000).map(|n| format!(",\"{n}\":1")).collect();
    let flood = format!(r#"{{"model":"m"{fields}}}"#);
    chat(&app, &flood).await.assert_refused(400, "invalid_json");
    assert_eq!(chat(&app, &chat_body("")).await.status, 200);
}
