//! Which headers cross the gateway (contract.md section 6): upwards all but the client's credentials,
//! identity and connection; downwards all but the provider's identity, limits and connection. Lists
//! of what is dropped, not of what passes: clients and providers invent new headers all the time.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// RFC 9110 §7.6.1, beside whatever `Connection` names.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "proxy-authenticate"
            | "proxy-authorization"
    )
}

fn is_the_clients_own(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "x-api-key"
            | "api-key"
            | "x-goog-api-key"
            | "cookie"
            | "openai-organization"
            | "openai-project"
            | "host"
            | "expect"
            | "content-length"
            | "forwarded"
            | "x-real-ip"
            | "sec-websocket-protocol"
            | "x-goog-user-project"
    ) || ["x-forwarded-", "x-openwebui-", "x-tollgate-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || is_a_proxys(name)
}

/// What proxies before us say of the client, of themselves or to each other. A provider may stand behind
/// the same kind of proxy, which believes them, or refuses them: Cloudflare answers 403 to its own.
fn is_a_proxys(name: &str) -> bool {
    matches!(
        name,
        "cdn-loop"
            | "x-http-method"
            | "x-http-method-override"
            | "x-method-override"
            | "x-rewrite-url"
    ) || ["cf-", "x-envoy-", "x-original-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || ["client-ip", "connecting-ip"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
}

fn is_the_providers_own(name: &str) -> bool {
    matches!(
        name,
        "set-cookie"
            | "openai-organization"
            | "openai-project"
            | "anthropic-organization-id"
            | "alt-svc"
            | "strict-transport-security"
            | "server"
            | "via"
            | "content-length"
            | "content-encoding"
            | "x-request-id"
            | "request-id"
            | "retry-after"
            | "retry-after-ms"
            | "x-should-retry"
            | "www-authenticate"
            | "authorization"
            | "clear-site-data"
            | "content-location"
            | "location"
            | "nel"
            | "refresh"
            | "report-to"
            | "reporting-endpoints"
            | "x-sendfile"
    ) || [
        "x-ratelimit",
        "x-rate-limit",
        "ratelimit",
        "anthropic-ratelimit-",
        "cf-",
        "x-tollgate-",
        "access-control-",
        "x-accel-",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// Makes the client's headers those for the provider, with our credential.
pub fn to_provider(mut headers: HeaderMap, credential: Option<&HeaderValue>) -> HeaderMap {
    keep_crossing(&mut headers, is_the_clients_own);
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    // What was read is what this says, whatever else the client said: another type or coding of letters
    // would make another body of it.
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Some(credential) = credential {
        headers.insert(header::AUTHORIZATION, credential.clone());
    }
    headers
}

/// Makes the provider's headers those for the client.
pub fn to_client(mut headers: HeaderMap) -> HeaderMap {
    keep_crossing(&mut headers, is_the_providers_own);
    headers
}

/// Taking out the few that stay here costs less than copying the many that do not.
fn keep_crossing(headers: &mut HeaderMap, is_private: impl Fn(&str) -> bool) {
    let mut here = named_by_connection(headers);
    let names = headers.keys();
    here.extend(
        names
            .filter(|name| is_hop_by_hop(name.as_str()) || is_private(name.as_str()))
            .cloned(),
    );
    for name in here {
        headers.remove(name);
    }
}

/// What `Connection` names besides the connection itself.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut found = Vec::new();
    for value in headers.get_all(header::CONNECTION) {
        let listed = value.to_str().unwrap_or_default().split(',').map(str::trim);
        let others = listed.filter(|option| !matches!(*option, "keep-alive" | "close"));
        found.extend(others.filter_map(|option| option.parse::<HeaderName>().ok()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        let field = |name| (HeaderName::from_static(name), HeaderValue::from_static("v"));
        names.iter().copied().map(field).collect()
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
            "cf-connecting-ip",
            "cdn-loop",
            "true-client-ip",
            "x-envoy-retry-on",
            "x-http-method-override",
            "x-original-url",
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
            "x-ratelimitbysize-remaining-month",
            "x-rate-limit-remaining",
            "ratelimit",
            "ratelimit-policy",
            "retry-after-ms",
            "x-should-retry",
            "cf-ray",
            "server",
            "x-accel-redirect",
            "clear-site-data",
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
