//! Kept connections to a gateway that may die at any moment. hyper's own pool would not do: a request
//! that is handed to the task of a connection in the very moment in which that task ends lies in its
//! channel for ever, and nobody says so to whoever waits for the answer.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Why there is no answer.
pub type Lost = Box<dyn Error + Send + Sync>;

type Outgoing = Request<Full<Bytes>>;

/// See the module.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<Vec<Connection>>>);

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

/// A call without an answer.
enum Unanswered {
    /// Its connection had closed before.
    Unsent(Box<Outgoing>),
    Lost(Lost),
}

impl Connections {
    /// Sends `request` to `address`. A kept connection that proves closed is replaced.
    pub async fn send(
        &self,
        address: SocketAddr,
        mut request: Outgoing,
    ) -> Result<Response<Incoming>, Lost> {
        while let Some(kept) = self.take() {
            request = match self.send_by(kept, request).await {
                Err(Unanswered::Unsent(request)) => *request,
                Err(Unanswered::Lost(lost)) => return Err(lost),
                Ok(answer) => return Ok(answer),
            };
        }
        let fresh = Connection::open(address).await?;
        match self.send_by(fresh, request).await {
            Err(Unanswered::Unsent(_)) => Err("the connection closed at once".into()),
            Err(Unanswered::Lost(lost)) => Err(lost),
            Ok(answer) => Ok(answer),
        }
    }

    fn take(&self) -> Option<Connection> {
        let mut kept = self.0.lock();
        std::iter::from_fn(|| kept.pop()).find(|connection| connection.sender.is_ready())
    }

    async fn send_by(
        &self,
        mut connection: Connection,
        request: Outgoing,
    ) -> Result<Response<Incoming>, Unanswered> {
        let answer = connection.send(request).await?;
        let kept = self.clone();
        TaskTracker::new().spawn(async move {
            // Once the answer was read to its end.
            if connection.sender.ready().await.is_ok() {
                kept.0.lock().push(connection);
            }
        });
        Ok(answer)
    }
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, Lost> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = TaskTracker::new().spawn(connection.map(drop));
        Ok(Self { sender, driver })
    }

    async fn send(&mut self, request: Outgoing) -> Result<Response<Incoming>, Unanswered> {
        let mut answering = pin!(self.sender.try_send_request(request));
        let answered = tokio::select! {
            biased;
            answered = &mut answering => Some(answered),
            // What it had to say, it has said.
            _ = &mut self.driver => answering.now_or_never(),
        };
        let answered = answered.ok_or_else(|| Unanswered::Lost("the connection ended".into()))?;
        answered.map_err(|mut error| match error.take_message() {
            Some(request) => Unanswered::Unsent(Box::new(request)),
            None => Unanswered::Lost(error.into_error().into()),
        })
    }
}
