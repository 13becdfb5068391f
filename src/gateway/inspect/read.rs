//! Collects a body into one `Bytes`, without a copy when it came in one piece.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::gateway::refusal::Refusal;
use crate::limiters::capacity::Weight;

/// The whole body, if it has at most `limit` bytes and there is room for its `weight`.
pub(super) async fn whole(
    mut body: Body,
    limit: usize,
    weight: &mut Weight,
) -> Result<Bytes, Refusal> {
    let Some(first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    // Before the next piece is waited for: it may never come.
    let first = within(first, limit)?;
    weight.add(first.len())?;
    let Some(second) = next(&mut body).await? else {
        return Ok(first);
    };
    let mut all = BytesMut::from(first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if all.len() + bytes.len() > limit {
            return Err(Refusal::RequestTooLarge(limit));
        }
        weight.add(bytes.len())?;
        all.extend_from_slice(&bytes);
        piece = next(&mut body).await?;
    }
    Ok(all.freeze())
}

fn within(bytes: Bytes, limit: usize) -> Result<Bytes, Refusal> {
    if bytes.len() > limit {
        return Err(Refusal::RequestTooLarge(limit));
    }
    Ok(bytes)
}

/// The next piece; trailers are passed over, and a body that breaks off is no JSON.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    if http_body::Body::is_end_stream(body) {
        return Ok(None);
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::InvalidJson)?;
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}
