//! A connection of h2, shared by any number of calls and driven by a task of its own, which ends with
//! the last of them or with the connection.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor as _;
use hyper_util::rt::TokioExecutor;

use super::body::UpstreamBody;
use super::connect::Io;
use super::{Outgoing, Unanswered};

/// See the module.
#[derive(Clone)]
pub(super) struct Shared(SendRequest<Full<Bytes>>);

impl Shared {
    pub(super) async fn begin(io: Io) -> Result<Self, hyper::Error> {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        TokioExecutor::new().execute(async {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a provider's connection broke");
            }
        });
        Ok(Self(sender))
    }

    pub(super) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }

    pub(super) async fn send(
        mut self,
        request: Outgoing,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let answered = self.0.try_send_request(request).await;
        match answered {
            Ok(response) => Ok(response.map(UpstreamBody::of_shared)),
            Err(mut error) => Err(match error.take_message() {
                Some(request) => Unanswered::Unsent(Box::new(request)),
                None => Unanswered::Failed(error.into_error()),
            }),
        }
    }
}
