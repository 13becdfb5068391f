//! One scheme, host and port, and the connections to it that are kept for the next calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Response, Uri};
use hyper::rt::Executor as _;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;

use super::body::UpstreamBody;
use super::connect::Io;
use super::http1::Wire;
use super::http2::{Place, Shared};
use super::{Outgoing, Unanswered};

/// Below what providers' load balancers keep, so that a kept connection is seldom a closed one.
const KEPT_FOR: Duration = Duration::from_secs(50);
/// Connections kept at most; more calls at once open more, which close after them.
const MOST_KEPT: usize = 1024;

/// See the module.
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    /// The one that was used last is used next, so that those too many grow old.
    kept: Mutex<Pool>,
    /// As many as their calls need at once: a provider takes only so many by one.
    shared: Mutex<Vec<Shared>>,
}

#[derive(Default)]
struct Pool {
    wires: Vec<Kept>,
    /// Whether a task closes those that grow old.
    is_watched: bool,
}

struct Kept {
    wire: Box<Wire>,
    since: Instant,
}

/// A connection for a call.
pub(super) enum Found {
    /// One that the call has for itself.
    Own(Box<Wire>, Arc<Origin>),
    /// One that it shares.
    Shared(Shared, Place),
}

impl Origin {
    /// That of an absolute `uri`.
    pub(super) fn of(uri: &Uri) -> Self {
        let authority = uri.authority().cloned();
        let authority = authority.unwrap_or_else(|| Authority::from_static("localhost"));
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host);
        Self {
            scheme: uri.scheme().cloned().unwrap_or(Scheme::HTTP),
            host: host.unwrap_or(HeaderValue::from_static("")),
            authority,
            kept: Mutex::default(),
            shared: Mutex::default(),
        }
    }

    pub(super) fn is_of(&self, uri: &Uri) -> bool {
        uri.authority() == Some(&self.authority) && uri.scheme() == Some(&self.scheme)
    }

    /// What to connect to.
    pub(super) fn address(&self) -> Uri {
        let parts = Uri::builder().scheme(self.scheme.clone());
        let parts = parts.authority(self.authority.clone()).path_and_query("/");
        parts.build().unwrap_or_default()
    }

    /// RFC 9110 §7.2.
    pub(super) fn host_field(&self) -> &HeaderValue {
        &self.host
    }

    /// A kept connection that the provider has not closed, as far as that is known.
    pub(super) fn take(self: &Arc<Self>) -> Option<Found> {
        if let Some(shared) = self.take_shared() {
            return Some(shared);
        }
        loop {
            let mut kept = self.kept.lock().wires.pop()?;
            if kept.since.elapsed() < KEPT_FOR && kept.wire.is_ready() {
                return Some(Found::Own(kept.wire, Arc::clone(self)));
            }
        }
    }

    /// Begins the protocol that a new connection agreed on.
    pub(super) async fn begin(self: &Arc<Self>, io: Io) -> Result<Found, hyper::Error> {
        let is_h2 = match &io {
            MaybeHttpsStream::Http(_) => false,
            MaybeHttpsStream::Https(_) => io.connected().is_negotiated_h2(),
        };
        if !is_h2 {
            return Ok(Found::Own(Wire::new(io), Arc::clone(self)));
        }
        self.begin_shared(io).await
    }

    /// A call on a new connection, which others share unless there is room elsewhere by now.
    pub(super) async fn begin_shared(self: &Arc<Self>, io: Io) -> Result<Found, hyper::Error> {
        let origin = Arc::clone(self);
        let shared = Shared::begin(io, move || origin.forget_ended()).await?;
        let place = shared.first_place();
        if self.take_shared().is_none() {
            self.shared.lock().push(shared.clone());
        }
        // It may have ended before it was there to be forgotten.
        self.forget_ended();
        Ok(Found::Shared(shared, place))
    }

    /// Lets go of shared connections that take no more requests.
    fn forget_ended(&self) {
        self.shared.lock().retain(Shared::is_open);
    }

    /// The first has the most calls, so that those too many come to have none.
    fn take_shared(&self) -> Option<Found> {
        let shared = self.shared.lock();
        let mut open = shared.iter().filter(|shared| shared.is_open());
        open.find_map(|shared| Some(Found::Shared(shared.clone(), shared.place()?)))
    }

    /// Keeps a connection whose call is over for the next one.
    pub(super) fn keep(self: &Arc<Self>, mut wire: Box<Wire>) {
        if !wire.is_ready() {
            return;
        }
        let mut kept = self.kept.lock();
        if kept.wires.len() >= MOST_KEPT {
            return;
        }
        let since = Instant::now();
        kept.wires.push(Kept { wire, since });
        if !std::mem::replace(&mut kept.is_watched, true) {
            TokioExecutor::new().execute(Arc::clone(self).close_old());
        }
    }

    /// Closes connections that grew old, until none is kept.
    async fn close_old(self: Arc<Self>) {
        loop {
            tokio::time::sleep(KEPT_FOR).await;
            let mut kept = self.kept.lock();
            kept.wires.retain(|kept| kept.since.elapsed() < KEPT_FOR);
            if kept.wires.is_empty() {
                kept.is_watched = false;
                return;
            }
        }
    }
}

impl Found {
    pub(super) async fn send(
        self,
        request: Outgoing,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        match self {
            Self::Own(wire, origin) => wire.send(request, origin).await,
            Self::Shared(shared, place) => shared.send(request, place).await,
        }
    }
}
