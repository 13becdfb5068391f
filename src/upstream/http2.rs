//! A connection of h2, shared by as many calls as its provider takes at once and driven by a task of its
//! own, which ends with the last of them or with the connection.

use std::error::Error as _;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    places: Arc<Places>,
}

/// How many calls a connection carries, and at most: one more would wait there, unsent, until another
/// has ended, which takes a stream minutes.
struct Places {
    taken: AtomicUsize,
    most: AtomicUsize,
}

/// A call's place on a connection, until it is over.
pub(super) struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// `forget` is called when the connection takes no more requests.
    pub(super) async fn begin(
        io: Io,
        forget: impl FnOnce() + Send + 'static,
    ) -> Result<Self, hyper::Error> {
        let (sender, mut connection) = http2::handshake(TokioExecutor::new(), io).await?;
        let ended = CancellationToken::new();
        let places = Arc::new(Places {
            taken: AtomicUsize::new(0),
            most: AtomicUsize::new(connection.current_max_send_streams()),
        });
        let shared = Self {
            sender,
            ended: ended.clone(),
            places: Arc::clone(&places),
        };
        TokioExecutor::new().execute(async move {
            let driving = poll_fn(|cx| {
                let polled = pin!(&mut connection).poll(cx);
                let most = connection.current_max_send_streams();
                places.most.store(most, Ordering::Relaxed);
                polled
            });
            if let Err(error) = driving.await {
                tracing::debug!(%error, "a provider's connection broke");
            }
            forget();
            ended.cancel();
        });
        Ok(shared)
    }

    /// The place of the call that it was opened for.
    pub(super) fn first_place(&self) -> Place {
        self.places.taken.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(&self.places))
    }

    /// A place for one more call, if the provider takes one more.
    pub(super) fn place(&self) -> Option<Place> {
        let most = self.places.most.load(Ordering::Relaxed);
        let more = |taken: usize| (taken < most).then_some(taken + 1);
        let taken = &self.places.taken;
        let place = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        place.ok().map(|_| Place(Arc::clone(&self.places)))
    }

    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed() && !self.ended.is_cancelled()
    }

    /// A request that was handed over in the moment when the connection ended lies where nobody looks,
    /// and comes back only when nobody can hand over any more: therefore everybody lets go then.
    pub(super) async fn send(
        self,
        request: Outgoing,
        place: Place,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let Self {
            mut sender, ended, ..
        } = self;
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
            Ok(response) => Ok(response.map(|body| UpstreamBody::of_shared(body, place))),
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
