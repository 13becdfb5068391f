use std::time::Duration;

use super::*;
use crate::limiters::RateUnit;

fn headers_of(refusal: &Refusal) -> HeaderMap {
    refusal.respond().headers().clone()
}

#[test]
fn a_wait_is_rounded_up_so_that_obeying_it_works() {
    let headers = headers_of(&Refusal::RateLimited(RateLimited {
        scope: "key",
        unit: RateUnit::Requests,
        limit: 10,
        retry_after: Some(Duration::from_micros(1_000_001)),
    }));
    assert_eq!(headers["retry-after"], "2");
    assert_eq!(headers["retry-after-ms"], "1001");
    assert!(!headers.contains_key("x-should-retry"));
}

#[test]
fn a_provider_that_asks_for_more_than_a_minute_is_not_to_be_retried() {
    let of = |wait: &'static str| {
        headers_of(&Refusal::UpstreamRateLimited {
            retry_after: Some(HeaderValue::from_static(wait)),
        })
    };
    assert_eq!(of("3600")["x-should-retry"], "false");
    for wait in ["60", "0.5", "Fri, 27 Nov 2026 00:00:00 GMT"] {
        assert!(!of(wait).contains_key("x-should-retry"), "{wait}");
    }
}

#[test]
fn a_limit_of_zero_is_not_to_be_retried() {
    let headers = headers_of(&Refusal::RateLimited(RateLimited {
        scope: "key",
        unit: RateUnit::Tokens,
        limit: 0,
        retry_after: None,
    }));
    assert!(!headers.contains_key("retry-after"));
    assert_eq!(headers["x-should-retry"], "false");
}

#[test]
fn all_four_keys_of_the_envelope_are_always_present() {
    let json: serde_json::Value = serde_json::from_str(&Refusal::Internal.row().json()).unwrap();
    let error = json["error"].as_object().unwrap();
    for key in ["message", "type", "param", "code"] {
        assert!(error.contains_key(key), "{key}");
    }
}
