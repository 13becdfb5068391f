//! The embedded style sheets, scripts, icons and typefaces. Every address holds a hash of all of
//! them, so browsers may keep what they got for ever, and a new build is new addresses.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::gzip;

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
        Some(gzip) if gzip::is_taken(&headers) => {
            answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzip.clone()
        }
        _ => file.plain.clone(),
    };
    (answer, body).into_response()
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
        for (takes, is_packed) in [("gzip", true), ("br", false)] {
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
