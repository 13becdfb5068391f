//! `tollgate openapi`: the document of the management API, for those who make clients.

use std::io::Write;

pub(super) fn run() -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(crate::api::document_text().as_bytes())?)
}
