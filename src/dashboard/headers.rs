//! What every page says to the browser about itself: whose code may run, who may frame it, what it
//! tells other sites, and that nobody keeps it.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Nothing but our own files: no inline script or style, no other host, no frame, no foreign form.
pub const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
                          frame-ancestors 'none'; object-src 'none'";

/// Two years, for a name that is served by https.
const ONLY_HTTPS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// The headers of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeaders {
    /// The public address is an https one.
    pub is_https: bool,
}

impl PageHeaders {
    /// Of an installation at `public_url`.
    pub fn of(public_url: &str) -> Self {
        let scheme = public_url.get(..8).unwrap_or_default();
        Self {
            is_https: scheme.eq_ignore_ascii_case("https://"),
        }
    }

    /// Puts them onto a page's answer. Pages are private: what shows keys, usage and names is kept
    /// by no cache and by no history.
    pub fn apply(self, answer: &mut Response) {
        let headers = answer.headers_mut();
        self.common(headers);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }

    fn common(self, headers: &mut HeaderMap) {
        let fixed: [(HeaderName, &'static str); 6] = [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
            (
                HeaderName::from_static("permissions-policy"),
                "camera=(), geolocation=(), microphone=()",
            ),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.is_https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, ONLY_HTTPS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    fn headers(public_url: &str) -> HeaderMap {
        let mut answer = "page".into_response();
        PageHeaders::of(public_url).apply(&mut answer);
        answer.headers().clone()
    }

    #[test]
    fn a_page_runs_only_our_code_in_no_frame_and_is_kept_by_nobody() {
        let headers = headers("http://127.0.0.1:8080");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[test]
    fn only_an_https_installation_asks_for_https() {
        let name = header::STRICT_TRANSPORT_SECURITY;
        assert!(headers("https://gate.example").contains_key(&name));
        assert!(headers("HTTPS://gate.example").contains_key(&name));
        assert!(!headers("http://gate.example").contains_key(&name));
    }
}
