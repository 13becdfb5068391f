//! The embedded style sheets, scripts, icons and typefaces. Every address holds a hash of all of
//! them, so browsers may keep what they got for ever, and a new build is new addresses.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

mod bundle;
mod packed;

use packed::Packed;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// All assets, packed when the first is asked for.
static ASSETS: LazyLock<Packed> = LazyLock::new(|| Packed::new(bundle::files()));

/// Where `name` is served.
pub fn url(name: &str) -> String {
    super::paths::asset(&ASSETS.hash, name)
}

/// `GET /assets/{hash}/{name}`. Another build's hash is served too, because replicas of two builds
/// may stand beside each other for a while, but nobody keeps it.
pub async fn serve(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(file) = ASSETS.file(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keep = if hash == ASSETS.hash {
        FOR_EVER
    } else {
        ASK_AGAIN
    };
    let mut answer = HeaderMap::new();
    answer.insert(header::CACHE_CONTROL, keep);
    answer.insert(header::ETAG, file.etag.clone());
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|tag| tag == file.etag)
    {
        return (StatusCode::NOT_MODIFIED, answer).into_response();
    }
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(file.content_type),
    );
    let body = match &file.gzip {
        Some(gzip) if takes_gzip(&headers) => {
            answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzip.clone()
        }
        _ => file.plain.clone(),
    };
    (answer, body).into_response()
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(hash: &str, name: &str, headers: HeaderMap) -> Response {
        serve(Path((hash.to_owned(), name.to_owned())), headers).await
    }

    fn asking(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[tokio::test]
    async fn an_asset_is_kept_for_ever_at_this_builds_address_only() {
        let ours = get(&ASSETS.hash, "app.css", HeaderMap::new()).await;
        assert_eq!(ours.headers()[header::CACHE_CONTROL], FOR_EVER);
        assert_eq!(
            ours.headers()[header::CONTENT_TYPE],
            "text/css; charset=utf-8"
        );
        let theirs = get("0123456789ab", "app.css", HeaderMap::new()).await;
        assert_eq!(theirs.status(), StatusCode::OK);
        assert_eq!(theirs.headers()[header::CACHE_CONTROL], ASK_AGAIN);
    }

    #[tokio::test]
    async fn what_the_browser_still_has_is_not_sent_again() {
        let first = get(&ASSETS.hash, "app.js", HeaderMap::new()).await;
        let tag = first.headers()[header::ETAG].to_str().unwrap();
        let again = get(&ASSETS.hash, "app.js", asking(header::IF_NONE_MATCH, tag)).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[tokio::test]
    async fn text_is_packed_for_those_who_take_it() {
        let name = header::ACCEPT_ENCODING;
        for (takes, is_packed) in [
            ("br, gzip;q=0.8", true),
            ("gzip;q=0, br", false),
            ("br", false),
        ] {
            let answer = get(&ASSETS.hash, "chart.js", asking(name.clone(), takes)).await;
            let coding = answer.headers().get(header::CONTENT_ENCODING);
            assert_eq!(coding.is_some(), is_packed, "{takes}");
        }
    }

    #[tokio::test]
    async fn what_is_no_asset_is_not_found() {
        for name in ["", "app.css/", "../Cargo.toml", "css/tokens.css"] {
            let answer = get(&ASSETS.hash, name, HeaderMap::new()).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
}
