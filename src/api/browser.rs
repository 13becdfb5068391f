//! What signs in: before there is a session, the browser (or script) is all there is. Pages of other
//! sites sign nobody in.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::{ORIGIN, USER_AGENT};
use http::request::Parts;

use super::{Api, cookie, origin, signed};
use crate::management::{Browser, Problem};

impl FromRequestParts<Api> for Browser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (headers, public_url) = (&parts.headers, api.management.public_url.as_str());
        if comes_from_a_page(headers) && !signed::is_own_page(headers, public_url) {
            return Err(Problem::CrossSite);
        }
        let agent = headers
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        Ok(Self {
            agent: agent.map(str::to_owned),
            session: cookie::read(headers, public_url).map(str::to_owned),
            origin: origin::of(parts, api),
        })
    }
}

/// Browsers say where a request comes from; scripts do not.
fn comes_from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}
