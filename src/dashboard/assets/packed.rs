//! Files as they are sent: hashed, and compressed where that pays.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};

use super::bundle::Source;
use crate::dashboard::gzip::{self, Compression};

/// All files, ready to send.
pub(super) struct Packed {
    /// Of every file together, in characters that may stand in an address.
    pub(super) hash: String,
    files: Vec<File>,
}

/// One file.
pub(super) struct File {
    name: &'static str,
    pub(super) content_type: &'static str,
    pub(super) etag: HeaderValue,
    pub(super) plain: Bytes,
    /// `None` where it would not be smaller.
    pub(super) gzip: Option<Bytes>,
}

impl Packed {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        let mut all = Sha256::new();
        for source in &sources {
            all.update(Sha256::digest(source.name));
            all.update(Sha256::digest(&source.content));
        }
        let files = sources.into_iter().map(File::new).collect();
        Self {
            hash: short(&all.finalize()),
            files,
        }
    }

    pub(super) fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }
}

impl File {
    fn new(source: Source) -> Self {
        let tag = format!("\"{}\"", short(&Sha256::digest(&source.content)));
        Self {
            name: source.name,
            content_type: content_type(source.name),
            etag: HeaderValue::try_from(tag).expect("base64 is visible ASCII"),
            gzip: gzip::pack(&source.content, Compression::best()),
            plain: source.content,
        }
    }
}

/// 72 bits are enough: nobody gains from a collision of his own files.
fn short(digest: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or(digest))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
