//! What is sent, made smaller for those who take it so.

use std::io::Write;

use bytes::Bytes;
pub(super) use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, header};

/// Whether who asks takes gzip.
pub(super) fn is_taken(headers: &HeaderMap) -> bool {
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

/// `content`, if that pays.
pub(super) fn pack(content: &[u8], effort: Compression) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), effort);
    encoder.write_all(content).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < content.len() / 10 * 9).then(|| packed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_says_so_takes_it() {
        for (value, expected) in [
            ("br, gzip;q=0.8", true),
            ("GZIP", true),
            ("gzip;q=0, br", false),
            ("br", false),
            ("", false),
        ] {
            let value = value.parse().unwrap();
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(is_taken(&headers), expected);
        }
        assert!(!is_taken(&HeaderMap::new()));
    }

    #[test]
    fn what_gets_no_smaller_stays_as_it_is() {
        assert!(pack(&[b'a'; 1000], Compression::fast()).is_some());
        assert!(pack(b"short", Compression::best()).is_none());
    }
}
