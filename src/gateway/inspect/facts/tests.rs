use super::*;

fn chat(body: &str) -> Result<CallFacts, Refusal> {
    CallFacts::read(body.as_bytes(), Endpoint::ChatCompletions)
}

fn refused_field(body: &str) -> Option<&'static str> {
    match chat(body) {
        Err(Refusal::InvalidValue { param, .. }) => Some(param),
        _ => None,
    }
}

#[test]
fn caps_and_counts_that_are_no_small_whole_numbers_are_refused() {
    let values = [
        "-1",
        "0",
        "2147483648",
        "9223372036854775808",
        "18446744073686646784",
        "1e3",
        "1.0",
        "\"5\"",
        "true",
        "[]",
        "1e400",
    ];
    for field in ["max_tokens", "max_completion_tokens", "n", "best_of"] {
        for value in values {
            let body = format!(r#"{{"model":"m","{field}":{value}}}"#);
            assert_eq!(refused_field(&body), Some(field), "{body}");
        }
        let body = format!(r#"{{"model":"m","{field}":null}}"#);
        assert!(chat(&body).is_ok(), "{body}");
    }
}

#[test]
fn a_completion_of_nothing_has_no_cap_that_counts() {
    let body = br#"{"model":"m","prompt":"x","echo":true,"max_tokens":0}"#;
    let facts = CallFacts::read(body, Endpoint::Completions).unwrap();
    assert_eq!((facts.choices, facts.cap), (1, None));
    let [(name, span)] = &facts.unset_caps[..] else {
        panic!("a cap of ours goes into it");
    };
    assert_eq!((*name, &body[span.clone()]), ("max_tokens", &b"0"[..]));
}

#[test]
fn two_caps_at_once_are_refused() {
    let body = r#"{"model":"m","max_tokens":5,"max_completion_tokens":5}"#;
    assert_eq!(refused_field(body), Some("max_tokens"));
}

#[test]
fn a_model_is_a_non_empty_string() {
    for body in [
        "{}",
        r#"{"model":null}"#,
        r#"{"model":""}"#,
        r#"{"model":1}"#,
        r#"{"model":["a"]}"#,
    ] {
        assert_eq!(refused_field(body), Some("model"), "{body}");
    }
    assert_eq!(
        chat(r#"{"model":"org\/m\u0031"}"#).unwrap().model,
        "org/m1".into()
    );
}

#[test]
fn fallbacks_are_read_in_whatever_shape_they_come() {
    let of = |fields: &str| {
        chat(&format!(r#"{{"model":"m"{fields}}}"#))
            .unwrap()
            .fallbacks
    };
    assert!(of(r#","models":null"#).is_empty());
    assert_eq!(
        of(r#","models":["a","b"],"fallbacks":"c""#),
        ["a", "b", "c"]
    );
    assert_eq!(of(r#","fallbacks":[{"m":["a"]},"b"]"#), ["", "b"]);
    assert_eq!(of(r#","models":{"a":1}"#), [""]);
}

#[test]
fn stream_options_are_located() {
    let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":false}}"#;
    let options = chat(body).unwrap().stream_options;
    assert!(!options.include_usage && options.has_fields);
    assert_eq!(&body[options.include_usage_span.unwrap()], "false");
    let twice = r#"{"model":"m","stream_options":{"include_usage":false,"include_usage":true}}"#;
    assert_eq!(
        chat(twice).err(),
        Some(Refusal::DuplicateField(
            "stream_options.include_usage".into()
        )),
    );
    assert_eq!(
        refused_field(r#"{"model":"m","stream_options":3}"#),
        Some("stream_options")
    );
}

#[test]
fn best_of_and_several_prompts_multiply_the_output() {
    let body = br#"{"model":"m","n":2,"best_of":3,"prompt":["a","b"]}"#;
    let facts = CallFacts::read(body, Endpoint::Completions).unwrap();
    assert_eq!(facts.choices, 6);
}

#[test]
fn embeddings_ask_for_no_output() {
    let body = br#"{"model":"m","input":"x","max_tokens":7}"#;
    let facts = CallFacts::read(body, Endpoint::Embeddings).unwrap();
    assert_eq!((facts.choices, facts.cap), (0, None));
}
