//! Answers that are one document: collected and settled before the status line goes down, so that a
//! cut or senseless one is a clean 502. Those beyond 32 MiB pass; see [`LargeBody`].

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::Body as _;
use http_body_util::BodyExt;

use super::large::LargeBody;
use super::tab::Tab;
use super::usage;
use crate::domain::usage::Ending;
use crate::gateway::answer::Answer;
use crate::gateway::refusal::Refusal;
use crate::lifecycle::Lifecycle;
use crate::upstream::{IDLE, UpstreamBody};

const LARGEST: usize = 32 * 1024 * 1024;

/// Nobody got anything of it.
const WASTED: Ending = Ending::Ran {
    usage: None,
    delivered: 0,
};

/// What was read of a body.
enum Read {
    All(Bytes),
    /// More than is collected, and there may be more.
    Beginning(Bytes),
}

/// Collects, checks and settles.
pub(super) async fn meter(
    response: Response<UpstreamBody>,
    mut tab: Tab,
    patience: Duration,
    lifecycle: Arc<Lifecycle>,
) -> Result<Response<Answer>, Refusal> {
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    tab.saw_byte();
    let read = match collect(&mut body).await {
        Ok(Read::All(read)) => read,
        Ok(Read::Beginning(read)) => {
            let large = LargeBody::new(read, body, (tab, status), patience, lifecycle);
            return Ok(super::answer(head, Answer::Large(Box::new(large))));
        }
        Err(refusal) => {
            super::kept(tab.fail(WASTED, &refusal)).await?;
            return Err(refusal);
        }
    };
    let Some(document) = usage::of_document(&read) else {
        let refusal = Refusal::UpstreamInvalidResponse;
        super::kept(tab.fail(WASTED, &refusal)).await?;
        return Err(refusal);
    };
    let ending = Ending::Ran {
        usage: document.usage,
        delivered: document.delivered,
    };
    super::kept(tab.settle(ending, status)).await?;
    Ok(super::answer(head, Answer::full(read)))
}

async fn collect(body: &mut UpstreamBody) -> Result<Read, Refusal> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(piece) = next(body).await? {
        if first.is_empty() && all.is_empty() {
            first = piece;
            continue;
        }
        if all.is_empty() {
            all = BytesMut::from(std::mem::take(&mut first));
        }
        all.extend_from_slice(&piece);
        if all.len() > LARGEST {
            return Ok(Read::Beginning(all.freeze()));
        }
    }
    let read = if all.is_empty() { first } else { all.freeze() };
    Ok(Read::All(read))
}

async fn next(body: &mut UpstreamBody) -> Result<Option<Bytes>, Refusal> {
    // A body of known length ends with its last frame: nothing is to be waited for.
    while !body.is_end_stream() {
        let waiting = tokio::time::timeout(IDLE, body.frame()).await;
        let frame = match waiting.map_err(|_| Refusal::UpstreamTimeout)? {
            None => return Ok(None),
            Some(frame) => frame.map_err(|_| Refusal::UpstreamInvalidResponse)?,
        };
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}
