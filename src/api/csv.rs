//! Answers in CSV, sent as they are read: no report is ever whole in memory.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Serialize;

use crate::csv::{cells, write_csv};
use crate::management::Problem;

/// A file of these columns, with the rows of `pages`. What fails before the first page is a problem;
/// what fails later cuts the answer, so that nobody takes it for the whole.
pub(super) async fn file<T: Serialize + Send + 'static>(
    name: &'static str,
    columns: Vec<&'static str>,
    pages: impl Stream<Item = Result<Vec<T>, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    let mut pages = Box::pin(pages);
    let first = pages.try_next().await?.unwrap_or_default();
    let mut head = Vec::new();
    write_csv(&mut head, &columns).map_err(|_| Problem::Internal)?;
    head.extend(lines(&first, &columns)?);
    let rest = pages.map(move |page| lines(&page?, &columns));
    let chunks = futures_util::stream::iter([Ok(head)]).chain(rest);
    let chunks = chunks.map(|chunk| chunk.map(Bytes::from).map_err(|_| Cut));
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// The rest cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the rest of the report cannot be read")]
struct Cut;

fn lines<T: Serialize>(rows: &[T], columns: &[&str]) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    for row in rows {
        let cells = cells(row, columns).map_err(|_| Problem::Internal)?;
        write_csv(&mut text, &cells).map_err(|_| Problem::Internal)?;
    }
    Ok(text)
}
