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

const NOT_TO_PROVIDER: [HeaderName; 15] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    header::COOKIE,
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    header::HOST,
    header::EXPECT,
    header::CONTENT_LENGTH,
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::AUTHORIZATION,
];
const NOT_TO_PROVIDER_PREFIXES: [&str; 3] = ["x-forwarded-", "x-openwebui-", "x-tollgate-"];

const NOT_TO_CLIENT: [HeaderName; 16] = [
    header::SET_COOKIE,
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("anthropic-organization-id"),
    header::ALT_SVC,
    header::STRICT_TRANSPORT_SECURITY,
    header::SERVER,
    header::VIA,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
];
const NOT_TO_CLIENT_PREFIXES: [&str; 5] = [
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "cf-",
    "x-tollgate-",
    "access-control-",
];

/// Makes the client's headers those for the provider, with our credential.
pub fn to_provider(mut headers: HeaderMap, credential: Option<&HeaderValue>) -> HeaderMap {
    keep_crossing(&mut headers, &NOT_TO_PROVIDER, &NOT_TO_PROVIDER_PREFIXES);
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

/// Makes the provider's headers those for the client.
pub fn to_client(mut headers: HeaderMap) -> HeaderMap {
    keep_crossing(&mut headers, &NOT_TO_CLIENT, &NOT_TO_CLIENT_PREFIXES);
    headers
}

/// Taking out the few that stay here costs half of copying the many that do not.
fn keep_crossing(headers: &mut HeaderMap, dropped: &[HeaderName], prefixes: &[&str]) {
    for name in named_by_connection(headers) {
        headers.remove(name);
    }
    for name in HOP_BY_HOP.iter().chain(dropped) {
        headers.remove(name);
    }
    let is_private = |name: &&HeaderName| {
        prefixes
            .iter()
            .any(|prefix| name.as_str().starts_with(prefix))
    };
    let private: Vec<HeaderName> = headers.keys().filter(is_private).cloned().collect();
    for name in private {
        headers.remove(name);
    }
}

/// What `Connection` names besides the connection itself.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut found = Vec::new();
    for value in headers.get_all(header::CONNECTION) {
        let options = value.to_str().unwrap_or_default().split(',').map(str::trim);
        let options = options.filter(|option| !matches!(*option, "keep-alive" | "close"));
        found.extend(options.filter_map(|option| option.parse::<HeaderName>().ok()));
    }
    found
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
        let sent = to_provider(client, Some(&ours));
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
        let sent = to_provider(client, None);
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
        let mut names: Vec<String> = to_client(provider)
            .keys()
            .map(ToString::to_string)
            .collect();
        names.sort();
        assert_eq!(names, ["content-type", "openai-processing-ms"]);
    }
}
