//! Accepts connections and serves HTTP/1.1 and h2c on them, with what hyper leaves to its user:
//! deadlines for heads, silence and slow readers, caps on connections and heads, and an end.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::{BoxError, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::lifecycle::Lifecycle;

pub mod descriptors;
mod door;
pub mod dumps;
mod farewell;
mod guarded_io;
mod in_flight;
pub mod memory;
mod streams;

use farewell::{Farewell, Left};
use guarded_io::{Deadlines, GuardedIo};
use in_flight::{Counted, InFlight, counted};
use streams::Streams;

/// The parser's own limit on heads, above those of [`crate::gateway`], which answer politely; also what
/// is kept for a reader that does not read. Its limit of 100 fields is left as it is: set to anything, even to that, it costs memory for every head.
const HEAD_BYTES: usize = 96 * 1024;
/// What HTTP/2 may have open and buffered on one connection.
const STREAMS: u32 = 100;
const STREAM_BUFFER: usize = 64 * 1024;
/// How long a reader may take nothing of what is there for it.
const WRITE_STALL: Duration = Duration::from_mins(1);
/// At a stop: how long a connection without a call is kept for one that may be on its way.
const QUIET: Duration = Duration::from_millis(500);
/// After a failed `accept`, mostly for want of descriptors: time for some to come back.
const RECOVERY: Duration = Duration::from_millis(50);

/// See the module.
pub struct Server {
    http: auto::Builder<Streams>,
    router: Router,
    deadlines: Deadlines,
    places: Arc<Semaphore>,
    per_address: Addresses,
    connections: TaskTracker,
    lifecycle: Arc<Lifecycle>,
    cut: CancellationToken,
}

/// How many connections each address has open, as far as that is capped.
#[derive(Clone)]
struct Addresses {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The address that a request's connection comes from. Calls (`/v1`) do without.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// A connection's places; free again when it is gone.
struct Place {
    _of_all: OwnedSemaphorePermit,
    address: Option<(Addresses, IpAddr)>,
}

impl Server {
    /// A server of `router`.
    pub fn new(config: &config::Server, router: Router, lifecycle: &Arc<Lifecycle>) -> Arc<Self> {
        let deadlines = Deadlines {
            head: config.header_timeout,
            idle: config.idle_timeout,
            write: WRITE_STALL,
        };
        let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
        let streams = Streams {
            tasks: connections.clone(),
            stopped: lifecycle.stopped_token(),
            cut: cut.clone(),
        };
        Arc::new(Self {
            http: http(streams),
            router,
            deadlines,
            places: Arc::new(Semaphore::new(
                config.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            per_address: Addresses {
                most: config.max_connections_per_address,
                open: Arc::default(),
            },
            connections,
            lifecycle: Arc::clone(lifecycle),
            cut,
        })
    }

    /// Closes every connection, wherever it is.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Serves until the process is told to stop; then every connection ends after its calls.
    pub async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut has_failed = false;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.lifecycle.stopping() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    has_failed = false;
                    self.admit(stream, peer);
                }
                Err(error) => {
                    if !std::mem::replace(&mut has_failed, true) {
                        tracing::warn!(%error, "connections cannot be accepted");
                    }
                    tokio::time::sleep(RECOVERY).await;
                }
            }
        }
        door::close(listener, |stream, peer| self.admit(stream, peer)).await;
        self.connections.close();
        self.connections.wait().await;
    }

    /// Over its cap a server closes at once: waiting would fill the backlog for everyone.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let place = place.and_then(|of_all| self.per_address.enter(peer.ip(), of_all));
        let Some(place) = place else {
            tracing::debug!("a connection over the cap was closed");
            return;
        };
        let server = Arc::clone(self);
        self.connections.spawn(async move {
            tokio::select! {
                () = server.serve(stream, Peer(peer.ip())) => {}
                () = server.cut.cancelled() => {}
            }
            drop(place);
        });
    }

    async fn serve(&self, stream: TcpStream, peer: Peer) {
        // Without it the first event of a stream waits for the acknowledgement of its head.
        let _ = stream.set_nodelay(true);
        let (in_flight, left) = (InFlight::default(), Left::default());
        let stream = Farewell::new(stream, left.clone());
        let io = GuardedIo::new(stream, self.deadlines, in_flight.clone());
        let (router, lifecycle) = (self.router.clone(), Arc::clone(&self.lifecycle));
        let service = counted(router, in_flight.clone(), peer, lifecycle);
        if let Err(error) = self.serve_http(io, service, &in_flight).await {
            tracing::debug!(%error, "a connection broke");
        }
        left.close().await;
    }

    /// Serves to the connection's end. When calls have to end, they look again whether they may.
    async fn serve_http(
        &self,
        io: GuardedIo,
        service: Counted,
        in_flight: &InFlight,
    ) -> Result<(), BoxError> {
        let connection = self.http.serve_connection(TokioIo::new(io), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = self.may_end(in_flight) => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = self.lifecycle.stopped() => {}
        }
        connection.await
    }

    /// Returns at a stop, once no call is lost by ending a connection. HTTP/2 tells its peer first. In
    /// HTTP/1.1 a call may come in the moment in which its connection is closed: so one that is in use
    /// is closed by an answer that says so, and others are closed when they have been quiet for a while.
    /// hyper would close at once what is idle or has not read anything yet.
    async fn may_end(&self, in_flight: &InFlight) {
        self.lifecycle.stopping().await;
        let mut before = in_flight.look();
        while !in_flight.is_h2() {
            tokio::select! {
                () = tokio::time::sleep(QUIET) => {}
                () = self.lifecycle.stopped() => return,
            }
            let now = in_flight.look();
            if now == before && !now.is_any() {
                return;
            }
            before = now;
        }
    }
}

fn http(streams: Streams) -> auto::Builder<Streams> {
    let mut http = auto::Builder::new(streams);
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(STREAM_BUFFER)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(20);
    http
}

impl Addresses {
    fn enter(&self, address: IpAddr, of_all: OwnedSemaphorePermit) -> Option<Place> {
        if self.most == 0 {
            return Some(Place {
                _of_all: of_all,
                address: None,
            });
        }
        let mut open = self.open.lock();
        let count = open.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place {
            _of_all: of_all,
            address: Some((self.clone(), address)),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((addresses, address)) = self.address.take() else {
            return;
        };
        let mut open = addresses.open.lock();
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests;
