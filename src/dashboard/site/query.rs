//! What stands behind the question mark: what a page is asked for, and where its links lead.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use form_urlencoded::Serializer;
use http::request::Parts;

/// The query of a page. Of names that stand more than once, the first counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        ))
    }
}

impl Query {
    /// What `name` holds, if that is anything.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        let found = pairs.find(|(own, value)| own == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// All that `name` holds.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.iter().filter(move |(own, _)| own == name);
        pairs.map(|(_, value)| value.as_str())
    }
}

/// `path` with a query of `pairs`.
pub(super) fn address<'a>(
    path: &str,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{query}")
}

/// A place of this site that someone was on the way to; never another site's.
pub(super) fn local(next: Option<&str>) -> Option<&str> {
    let is_odd = |c: char| c == '\\' || c.is_control();
    next.filter(|next| next.starts_with('/') && !next.starts_with("//") && !next.contains(is_odd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_of_this_site_are_gone_on_to() {
        assert_eq!(local(Some("/orgs/1?q=a")), Some("/orgs/1?q=a"));
        for elsewhere in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil",
        ] {
            assert_eq!(local(Some(elsewhere)), None, "{elsewhere}");
        }
    }

    #[test]
    fn an_address_keeps_what_it_is_given() {
        assert_eq!(address("/keys", [("q", "a&b c")]), "/keys?q=a%26b+c");
        assert_eq!(address("/keys", []), "/keys");
    }
}
