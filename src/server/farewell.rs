//! The last moments of a connection. Closed while bytes of the peer are still unread, a socket is
//! reset, and the reset overtakes the answer: a client that is still uploading would never read why
//! it was refused. So the socket outlives its connection until the peer is done, or for a while.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// How long a peer may go on sending after our last word.
const LONGEST: Duration = Duration::from_secs(5);
/// How long it may say nothing.
const SILENCE: Duration = Duration::from_secs(1);

/// Where a socket is found once its connection is gone.
#[derive(Clone, Default)]
pub(super) struct Left(Arc<Mutex<Option<TcpStream>>>);

/// A socket that is left behind when it is dropped, unless the peer has gone.
pub(super) struct Farewell {
    stream: Option<TcpStream>,
    is_over: bool,
    left: Left,
}

impl Farewell {
    pub(super) fn new(stream: TcpStream, left: Left) -> Self {
        Self {
            stream: Some(stream),
            is_over: false,
            left,
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        self.stream.as_mut().expect("only `drop` takes the socket")
    }

    /// Nobody is there to read a last word.
    pub(super) fn is_over(&mut self) {
        self.is_over = true;
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if !self.is_over {
            *self.left.0.lock() = self.stream.take();
        }
    }
}

impl Left {
    /// Ends what was left: says that nothing follows and lets the peer finish.
    pub(super) async fn close(&self) {
        let left = self.0.lock().take();
        if let Some(stream) = left {
            let _ = tokio::time::timeout(LONGEST, close(stream)).await;
        }
    }
}

#[cfg(test)]
impl Left {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_none()
    }
}

async fn close(mut stream: TcpStream) {
    let shut = std::future::poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)).await;
    let mut unwanted = [0; 8192];
    while shut.is_ok() {
        let Ok(Ok(())) = tokio::time::timeout(SILENCE, stream.readable()).await else {
            return;
        };
        match stream.try_read(&mut unwanted) {
            Ok(0) => return,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}
