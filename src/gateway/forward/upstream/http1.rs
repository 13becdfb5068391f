//! A connection of HTTP/1.1: one call at a time, driven by that call's own task.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::HOST;
use http::{Response, Uri};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};

use super::body::UpstreamBody;
use super::connect::Io;
use super::origin::Origin;
use super::relay::Relay;
use super::{Outgoing, Unanswered};

/// What is read ahead of a client that does not read; also the largest head. hyper's own is 400 KB.
const READ_AHEAD: usize = 32 * 1024;

/// See the module.
pub(super) struct Wire {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it is closed.
    connection: Option<Connection<Io, Full<Bytes>>>,
    relay: Relay,
}

impl Wire {
    pub(super) async fn begin(io: Io) -> Result<Box<Self>, hyper::Error> {
        let mut http = http1::Builder::new();
        let (sender, connection) = http.max_buf_size(READ_AHEAD).handshake(io).await?;
        Ok(Box::new(Self {
            sender,
            connection: Some(connection),
            relay: Relay::new(),
        }))
    }

    /// Sends `request`; the answer's body keeps the connection until it has ended.
    pub(super) async fn send(
        mut self: Box<Self>,
        mut request: Outgoing,
        origin: Arc<Origin>,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let target = request.uri().path_and_query().cloned();
        let whole = std::mem::replace(
            request.uri_mut(),
            target.map_or_else(Uri::default, Uri::from),
        );
        request
            .headers_mut()
            .insert(HOST, origin.host_field().clone());
        let mut answering = pin!(self.sender.try_send_request(request));
        let answered =
            std::future::poll_fn(|cx| self.poll(cx, |inner| answering.as_mut().poll(inner)));
        match answered.await {
            Ok(response) => {
                Ok(response.map(|incoming| UpstreamBody::of_wire(incoming, self, origin)))
            }
            Err(mut error) => Err(match error.take_message() {
                Some(mut request) => {
                    *request.uri_mut() = whole;
                    Unanswered::Unsent(Box::new(request))
                }
                None => Unanswered::Failed(error.into_error()),
            }),
        }
    }

    /// Takes the next frame of an answer in.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Incoming,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, hyper::Error>>> {
        self.poll(cx, |inner| Pin::new(&mut *body).poll_frame(inner))
    }

    /// Whether it can take the next call: the last one is over and the provider has not closed it.
    pub(super) fn is_ready(&mut self) -> bool {
        let polled = self.poll(&mut Context::from_waker(Waker::noop()), |_| {
            Poll::<()>::Pending
        });
        debug_assert!(polled.is_pending());
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Polls what is waited for, and lets the connection work on it.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut waited_for: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Self {
            connection, relay, ..
        } = self;
        relay.poll(cx, |inner| {
            if let Poll::Ready(ready) = waited_for(inner) {
                return Poll::Ready(ready);
            }
            if let Some(open) = connection
                && Pin::new(open).poll(inner).is_ready()
            {
                // Dropped, it tells whoever waits that nothing comes any more.
                *connection = None;
            }
            waited_for(inner)
        })
    }
}
