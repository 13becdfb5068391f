//! Who asks: a session's cookie or a management token. The store is asked each time, so that what
//! ends a right ends it everywhere at once.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method};

use super::{Api, cookie, origin};
use crate::management::{Problem, Signed};

impl FromRequestParts<Api> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let origin = origin::of(parts, api);
        let headers = &parts.headers;
        if let Some(token) = bearer(headers) {
            return api.management.signed_by_token(token, origin).await;
        }
        let public_url = api.management.public_url.as_str();
        let secret = cookie::read(headers, public_url).ok_or(Problem::Unauthenticated)?;
        if !is_safe(&parts.method) && !is_own_page(headers, public_url) {
            return Err(Problem::CrossSite);
        }
        api.management.signed_by_session(secret, origin).await
    }
}

/// Where it makes no difference to be nobody, a session that ended is none.
impl OptionalFromRequestParts<Api> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Option<Self>, Problem> {
        match <Self as FromRequestParts<Api>>::from_request_parts(parts, api).await {
            Ok(signed) => Ok(Some(signed)),
            Err(Problem::Unauthenticated) => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether one of our own pages asks. Browsers say so; whoever leaves it out has no business with a
/// cookie.
pub(crate) fn is_own_page(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    if let Some(site) = text("sec-fetch-site".parse().unwrap_or(ORIGIN)) {
        return site == "same-origin";
    }
    let Some(origin) = text(ORIGIN) else {
        return false;
    };
    let host = origin.split_once("://").map(|(_, host)| host);
    origin == public_url || (host.is_some() && host == text(HOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(pairs: &[(&'static str, &str)]) -> bool {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        is_own_page(&pairs.collect(), "https://gate.example")
    }

    #[test]
    fn only_our_own_pages_may_write_with_the_cookie() {
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[("origin", "https://gate.example")]));
        assert!(own(&[
            ("origin", "http://localhost:8080"),
            ("host", "localhost:8080")
        ]));
        for site in ["cross-site", "same-site", "none"] {
            let origin = ("origin", "https://gate.example");
            assert!(!own(&[("sec-fetch-site", site), origin]), "{site}");
        }
        assert!(!own(&[
            ("origin", "https://evil.example"),
            ("host", "gate.example")
        ]));
        assert!(!own(&[("origin", "null"), ("host", "null")]));
        assert!(!own(&[("host", "gate.example")]));
    }
}
