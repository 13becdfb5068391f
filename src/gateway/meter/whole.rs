//! Answers that are one document: collected and settled before the status line goes down, so that a
//! cut or senseless one is a clean 502. Beyond 32 MiB they pass through, and a cut aborts.

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::tab::Tab;
use super::usage;
use crate::domain::usage::Ending;
use crate::gateway::answer::Answer;
use crate::gateway::forward::IDLE;
use crate::gateway::refusal::Refusal;

const LARGEST: usize = 32 * 1024 * 1024;

/// Collects, checks and settles.
pub(super) async fn meter(
    response: Response<Incoming>,
    mut tab: Tab,
) -> Result<Response<Answer>, Refusal> {
    let (head, body) = response.into_parts();
    tab.saw_byte();
    let read = match collect(body).await {
        Ok(read) => read,
        Err(refusal) => {
            tab.fail(
                Ending::Ran {
                    usage: None,
                    delivered: 0,
                },
                &refusal,
            );
            return Err(refusal);
        }
    };
    let Some(document) = usage::of_document(&read) else {
        let refusal = Refusal::UpstreamInvalidResponse;
        tab.fail(
            Ending::Ran {
                usage: None,
                delivered: 0,
            },
            &refusal,
        );
        return Err(refusal);
    };
    let ending = Ending::Ran {
        usage: document.usage,
        delivered: document.delivered,
    };
    tab.settle(ending, head.status.as_u16());
    Ok(super::answer(head, Answer::full(read)))
}

async fn collect(mut body: Incoming) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(piece) = next(&mut body).await? {
        if first.is_empty() && all.is_empty() {
            first = piece;
            continue;
        }
        if all.is_empty() {
            all = BytesMut::from(std::mem::take(&mut first));
        }
        if all.len() + piece.len() > LARGEST {
            return Err(Refusal::UpstreamInvalidResponse);
        }
        all.extend_from_slice(&piece);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    loop {
        let waiting = tokio::time::timeout(IDLE, body.frame()).await;
        let frame = match waiting.map_err(|_| Refusal::UpstreamTimeout)? {
            None => return Ok(None),
            Some(frame) => frame.map_err(|_| Refusal::UpstreamInvalidResponse)?,
        };
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
}
