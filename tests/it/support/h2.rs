//! A client that speaks HTTP/2 without TLS and without asking first.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::client::{CHAT, Client};

/// One connection.
pub struct H2 {
    base: String,
    sender: SendRequest<Full<Bytes>>,
    /// Ends with the connection.
    pub connection: JoinHandle<hyper::Result<()>>,
}

impl H2 {
    /// Connects to `client`'s gateway and pings it all the time.
    pub async fn connect(client: &Client) -> Self {
        let socket = TcpStream::connect(client.address).await.unwrap();
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_millis(50))
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(socket))
            .await
            .unwrap();
        Self {
            base: format!("http://{}", client.address),
            sender,
            connection: TaskTracker::new().spawn(connection),
        }
    }

    /// Makes a chat call; dropped, it resets its stream.
    pub fn chat(
        &mut self,
        secret: &str,
        body: String,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        let request = Request::post(format!("{}{CHAT}", self.base))
            .header("authorization", format!("Bearer {secret}"))
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        self.sender.send_request(request)
    }
}
