//! Which headers cross the gateway (contract.md section 6): upwards all but the client's credentials,
//! identity and connection; downwards all but the provider's identity, limits and connection. Lists
//! of what is dropped, not of what passes: clients and providers invent new headers all the time.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// RFC 9110 §7.6.1, beside whatever `Connection` names.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const NOT_TO_PROVIDER: [&str; 16] = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "openai-organization",
    "openai-project",
    "host",
    "expect",
    "accept-encoding",
    "content-length",
    "forwarded",
    "x-real-ip",
    "proxy-authenticate",
    "proxy-authorization",
    "sec-websocket-protocol",
];
const NOT_TO_PROVIDER_PREFIXES: [&str; 3] = ["x-forwarded-", "x-openwebui-", "x-tollgate-"];

const NOT_TO_CLIENT: [&str; 16] = [
    "set-cookie",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
    "alt-svc",
    "strict-transport-security",
    "server",
    "via",
    "content-length",
    "content-encoding",
    "proxy-authenticate",
    "proxy-authorization",
    "x-request-id",
    "request-id",
    "retry-after",
    "www-authenticate",
];
const NOT_TO_CLIENT_PREFIXES: [&str; 5] = [
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "cf-",
    "x-tollgate-",
    "access-control-",
];

/// What the provider gets of the client's headers, with our credential.
pub fn to_provider(client: &HeaderMap, credential: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = crossing(client, &NOT_TO_PROVIDER, &NOT_TO_PROVIDER_PREFIXES);
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/json"));
    if let Some(credential) = credential {
        headers.insert(header::AUTHORIZATION, credential.clone());
    }
    headers
}

/// What the client gets of the provider's headers.
pub fn to_client(provider: &HeaderMap) -> HeaderMap {
    crossing(provider, &NOT_TO_CLIENT, &NOT_TO_CLIENT_PREFIXES)
}

fn crossing(from: &HeaderMap, dropped: &[&str], prefixes: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(from.len() + 8);
    for (name, value) in from {
        let text = name.as_str();
        let stays = HOP_BY_HOP.contains(name)
            || dropped.contains(&text)
            || prefixes.iter().any(|prefix| text.starts_with(prefix))
            || is_named_by_connection(from, text);
        if !stays {
            headers.append(name, value.clone());
        }
    }
    headers
}

fn is_named_by_connection(headers: &HeaderMap, name: &str) -> bool {
    let options = headers.get_all(header::CONNECTION).iter();
    let mut names = options
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    names.any(|option| option.trim().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        let named = names
            .iter()
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v")));
        named.collect()
    }

    #[test]
    fn the_provider_gets_our_credential_and_none_of_the_clients() {
        let client = headers(&[
            "authorization",
            "x-api-key",
            "api-key",
            "cookie",
            "openai-organization",
            "x-forwarded-for",
            "forwarded",
            "host",
            "expect",
            "te",
            "x-openwebui-user-email",
            "x-stainless-lang",
            "openai-beta",
            "idempotency-key",
            "user-agent",
            "traceparent",
        ]);
        let ours = HeaderValue::from_static("Bearer ours");
        let sent = to_provider(&client, Some(&ours));
        let mut names: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept-encoding",
                "authorization",
                "content-type",
                "idempotency-key",
                "openai-beta",
                "traceparent",
                "user-agent",
                "x-stainless-lang"
            ],
        );
        assert_eq!(sent["authorization"], "Bearer ours");
        assert_eq!(sent["accept-encoding"], "identity");
    }

    #[test]
    fn what_connection_names_ends_here() {
        let mut client = headers(&["x-secret", "x-other"]);
        client.insert("connection", HeaderValue::from_static("close, X-Secret"));
        let sent = to_provider(&client, None);
        assert!(!sent.contains_key("x-secret") && sent.contains_key("x-other"));
    }

    #[test]
    fn the_client_sees_nothing_of_the_providers_account() {
        let provider = headers(&[
            "set-cookie",
            "openai-organization",
            "x-ratelimit-remaining-tokens",
            "cf-ray",
            "server",
            "x-request-id",
            "content-length",
            "openai-processing-ms",
            "content-type",
        ]);
        let mut names: Vec<String> = to_client(&provider)
            .keys()
            .map(ToString::to_string)
            .collect();
        names.sort();
        assert_eq!(names, ["content-type", "openai-processing-ms"]);
    }
}
