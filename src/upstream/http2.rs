//! A connection of h2, shared by any number of calls and driven by a task of its own, which ends with
//! the last of them or with the connection.

use std::error::Error as _;
use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::Response;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor as _;
use hyper_util::rt::TokioExecutor;
use tokio_util::sync::CancellationToken;

use super::body::UpstreamBody;
use super::connect::Io;
use super::{Outgoing, Unanswered};

/// See the module.
#[derive(Clone)]
pub(super) struct Shared {
    sender: SendRequest<Full<Bytes>>,
    /// The connection takes no more requests.
    ended: CancellationToken,
}

impl Shared {
    /// `forget` is called when the connection takes no more requests.
    pub(super) async fn begin(
        io: Io,
        forget: impl FnOnce() + Send + 'static,
    ) -> Result<Self, hyper::Error> {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        let ended = CancellationToken::new();
        let ending = ended.clone();
        TokioExecutor::new().execute(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a provider's connection broke");
            }
            forget();
            ending.cancel();
        });
        Ok(Self { sender, ended })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed() && !self.ended.is_cancelled()
    }

    /// A request that was handed over in the moment when the connection ended lies where nobody looks,
    /// and comes back only when nobody can hand over any more: therefore everybody lets go then.
    pub(super) async fn send(
        self,
        request: Outgoing,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let Self { mut sender, ended } = self;
        let sent = request.clone().map(Full::new);
        let answering = pin!(sender.try_send_request(sent));
        let answered = match select(answering, pin!(ended.cancelled())).await {
            Either::Left((answered, _)) => answered,
            Either::Right(((), answering)) => {
                drop(sender);
                answering.await
            }
        };
        match answered {
            Ok(response) => Ok(response.map(UpstreamBody::of_shared)),
            Err(error) if error.message().is_some() => Err(Unanswered::Unsent(Box::new(request))),
            Err(error) if is_unprocessed(error.error()) => {
                ended.cancel();
                Err(Unanswered::Unsent(Box::new(request)))
            }
            Err(error) => Err(Unanswered::Failed(error.into_error().into())),
        }
    }
}

/// Whether the provider says that it did nothing for the request (RFC 9113 §8.7): it closes the
/// connection and the request came too late, or it takes no more of them.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &h2::Error| {
        let is_refused = cause.is_reset() && cause.reason() == Some(h2::Reason::REFUSED_STREAM);
        cause.is_remote() && (cause.is_go_away() || is_refused)
    })
}
